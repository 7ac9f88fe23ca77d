"""MLflow's model registry: a trained checkpoint as model `t2s`, and its alias `champion` for the last good one."""

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from t2s.checkpoint import read_metadata
from t2s.errors import UserError
from t2s.provenance import project_root
from t2s.tracking.environment import prepare_environment, tracking_uri
from t2s.tracking.store import SQLITE

MODEL_NAME = "t2s"
CHAMPION = "champion"
DIGEST_TAG, GATE_TAG = "t2s.digest", "t2s.gate"
PASSED = "passed"
REQUIREMENTS = [
    "av", "diffusers", "einops", "mlflow", "numpy", "opencv-python-headless", "pydantic", "safetensors", "tokenizers",
    "torch",
]  # fmt: skip

logger = logging.getLogger(__name__)


def register(checkpoint: Path, run_id: str | None, gate_passed: bool) -> int | None:
    """Register the checkpoint as a new version of `t2s` (once: the same file keeps its version).

    `champion` moves to it only when the gate has passed. One that has not, and was champion, gives the alias back to
    the latest version that has. A registry that does not answer costs a warning, no more.

    Args:
        run_id: the MLflow run that trained it; without one there is nothing to attach a model to.

    Returns:
        The version, or None when there is no run or the registry does not answer.

    Raises:
        UserError: the checkpoint is missing or damaged.
    """
    metadata = read_metadata(checkpoint)
    if run_id is None:
        logger.warning("%s is not registered: its training has not reached MLflow yet", checkpoint)
        return None
    try:
        client = _client()
        number = _version_of(client, metadata["digest"]) or _log_model(client, checkpoint, run_id, metadata)
        client.set_model_version_tag(MODEL_NAME, str(number), GATE_TAG, PASSED if gate_passed else "not passed")
        if gate_passed:
            client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(number))
        else:
            _dethrone(client, number)
    except Exception as error:  # MLflow lets through what its store, its HTTP client and its disk raise
        logger.warning("%s is not registered: %s", checkpoint, _first_line(error))
        return None
    return number


def resolve_model_uri(uri: str) -> Path:
    """The checkpoint behind `models:/t2s@champion` or `models:/t2s/3`; a copy of it when a server keeps it.

    Only the safetensors file of the model is used: none of its code is run.

    Raises:
        UserError: no such model, or the registry does not answer.
    """
    if not uri.startswith("models:/"):
        raise UserError(f"{uri}: a registered model is named models:/{MODEL_NAME}@{CHAMPION} or models:/{MODEL_NAME}/1")
    where = tracking_uri(project_root())
    if where.startswith(SQLITE) and not Path(where.removeprefix(SQLITE)).is_file():  # MLflow would create it
        raise UserError(f"{uri}: there is no registry at {where}; run it in the project, or set MLFLOW_TRACKING_URI")
    _client()
    from mlflow.artifacts import download_artifacts

    try:
        folder = Path(download_artifacts(artifact_uri=f"{uri}/artifacts"))
    except Exception as error:  # as above
        raise UserError(f"{uri}: not found in the registry at {where} ({_first_line(error)})") from None
    checkpoints = list(folder.glob("*.safetensors"))
    if len(checkpoints) != 1:
        raise UserError(f"{uri}: holds no t2s checkpoint")
    return checkpoints[0]


def _client() -> Any:
    prepare_environment()
    import mlflow

    mlflow.set_tracking_uri(tracking_uri(project_root()))
    mlflow.set_registry_uri(tracking_uri(project_root()))
    return mlflow.MlflowClient()


def _version_of(client: Any, digest: str) -> int | None:
    found = client.search_model_versions(f"name = '{MODEL_NAME}' AND tags.`{DIGEST_TAG}` = '{digest}'")
    return max((int(one.version) for one in found), default=None)


def _dethrone(client: Any, number: int) -> None:
    """Take the alias from this version, which an earlier examination may have given it."""
    if client.get_registered_model(MODEL_NAME).aliases.get(CHAMPION) != str(number):
        return
    passed = client.search_model_versions(f"name = '{MODEL_NAME}' AND tags.`{GATE_TAG}` = '{PASSED}'")
    if latest := max((int(one.version) for one in passed), default=None):
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(latest))
    else:
        client.delete_registered_model_alias(MODEL_NAME, CHAMPION)
    logger.warning("models:/%s/%d is no longer the champion: it has not passed", MODEL_NAME, number)


def _log_model(client: Any, checkpoint: Path, run_id: str, metadata: dict[str, Any]) -> int:
    import mlflow
    import pandas
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

    inputs = [
        ColSpec(DataType.string, "text"),
        # What one row gives and another leaves out, pandas turns into floats and NaN. MLflow takes those for no `long`,
        # and integers for no `double`: of any type then, and serving_model.py reads them.
        *(ColSpec(AnyType(), name, required=False) for name in ("seed", "num_steps", "guidance_scale")),
        ColSpec(DataType.string, "sampler", required=False),
    ]
    outputs = [
        ColSpec(DataType.string, "text"),
        ColSpec(DataType.long, "seed"),
        ColSpec(DataType.string, "mp4_base64"),
        ColSpec(DataType.string, "notes"),
    ]
    package = Path(__file__).parent
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            name=MODEL_NAME,
            python_model=str(package / "serving_model.py"),
            artifacts={"checkpoint": str(checkpoint.resolve())},
            code_paths=[str(package)],
            pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS],
            signature=ModelSignature(Schema(inputs), Schema(outputs)),
            input_example=pandas.DataFrame({"text": metadata["prompts"][:1], "seed": [0]}),
            registered_model_name=MODEL_NAME,
        )
    number = int(logged.registered_model_version)
    for key, value in {DIGEST_TAG: metadata["digest"], "t2s.fingerprint": metadata["fingerprint"]}.items():
        client.set_model_version_tag(MODEL_NAME, str(number), key, value)
    return number


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
