"""What `mlflow models serve` runs: an MLflow "model from code" around Text2Sign. serving.py registers it.

MLflow executes this file to load the model; the weights are the checkpoint beside it, plain safetensors.
"""

import base64
import tempfile
import warnings
from pathlib import Path
from typing import Any

import mlflow
import pandas
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from t2s.allocator import keep_freed_memory
from t2s.errors import UserError
from t2s.sampling import Text2Sign

MAX_PROMPTS = 16  # in one request
NUMBERS = {"seed": int, "num_steps": int, "guidance_scale": float}


class ServedText2Sign(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Rows of (text, and if wanted seed, num_steps, guidance_scale, sampler) → of (text, seed, mp4_base64, notes)."""

    def load_context(self, context: Any) -> None:
        keep_freed_memory()
        self._model = Text2Sign.from_checkpoint(context.artifacts["checkpoint"])

    def predict(
        self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None
    ) -> pandas.DataFrame:
        """One clip a row. A wrong prompt or number is refused with its reason (HTTP 400), not with a traceback."""
        if len(model_input) > MAX_PROMPTS:
            raise _refusal(f"{len(model_input)} prompts; one request takes at most {MAX_PROMPTS}")
        try:
            return pandas.DataFrame([self._clip(row) for row in model_input.to_dict("records")])
        except UserError as error:
            raise _refusal(str(error)) from None

    def _clip(self, row: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in row.items() if pandas.isna(value) is not True}
        if "text" not in given:
            raise UserError("a row has no text")
        numbers = {key: _number(key, given[key], kind) for key, kind in NUMBERS.items() if key in given}
        seed = numbers.pop("seed", 0)
        options = numbers | ({"sampler": str(given["sampler"])} if "sampler" in given else {})
        with warnings.catch_warnings(record=True) as caught, tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("always")
            clips = self._model(str(given["text"]), num_samples=1, seed=seed, **options)
            (path,) = clips.save(Path(folder) / "clip.mp4")
            mp4 = base64.b64encode(path.read_bytes()).decode("ascii")
        notes = "; ".join(str(warning.message) for warning in caught if warning.category is UserWarning)
        return {"text": given["text"], "seed": seed, "mp4_base64": mp4, "notes": notes}


def _number(key: str, value: Any, kind: type) -> Any:
    """A number as JSON or pandas has it: a whole one is a float in a column where another row has none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{key} {value!r} is not a number")
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise UserError(f"{key} {value} is not a whole number")
    return kind(value)


def _refusal(reason: str) -> MlflowException:
    return MlflowException(reason, error_code=INVALID_PARAMETER_VALUE)


mlflow.models.set_model(ServedText2Sign())
