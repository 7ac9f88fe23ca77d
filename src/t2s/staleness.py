"""Whether a project's own models are there, and its checkpoint of the model that params.yaml and the clips describe."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from t2s.checkpoint import differing_keys, read_metadata
from t2s.data.clips import ClipStore
from t2s.data.config import DataConfig
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.models.config import BEFORE_THE_KEY, UNDECIDED, ModelConfig
from t2s.paramsfile import read_sections
from t2s.presets import apply_preset
from t2s.training.config import TrainConfig
from t2s.training.state import BEST

PARAMS, CLIPS, PIPELINE = Path("params.yaml"), Path("data/clips"), Path("dvc.yaml")


def require_made(path: Path, stage: str, otherwise: str = "") -> None:
    """Refuse to go on without a file that a stage of this project makes.

    `otherwise`: what a person who does not want to run the stage can do, as the end of the refusal.

    Raises:
        UserError: with the command that makes it.
    """
    if path.exists():
        return
    if not PIPELINE.is_file():
        raise UserError(f"{path}: no such file; run from the root of a t2s project{otherwise}")
    raise UserError(f"{path}: no such file; `dvc repro {stage}` makes it{otherwise}")


def best_so_far(root: Path) -> Path | None:
    """The best weights of the training that last wrote some, finished or not; None: there are none."""
    found = [path for path in (root / "runs").glob(f"*/{BEST}") if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def require_current(checkpoint: Path, otherwise: str = "") -> None:
    """Refuse a checkpoint whose architecture, schedule, clip size or vocabulary is no longer asked for.

    `otherwise`: what a person who wants this one all the same can do, as the end of the refusal.

    Nothing is asked where a file is missing or cannot be read: a checkpoint alone is enough to sample from, and who
    reads a damaged one says so.

    Raises:
        UserError: with the differing keys, old → new.
    """
    lines: list[str] = []
    with suppress(UserError, KeyError, TypeError):
        metadata = read_metadata(checkpoint)
        lines = differing_keys(_asked_for(), _trained(metadata))
        with suppress(UserError):
            prompts = sorted(set(ClipStore.open(CLIPS).texts("train")))
            lines += differing_keys({"vocabulary": prompts}, {"vocabulary": metadata["prompts"]})
    if lines:
        raise UserError(
            f"{checkpoint}: is not of the model that {PARAMS} asks for: {'; '.join(lines)}; `dvc repro train` trains "
            f"that one{otherwise}"
        )


def _asked_for() -> dict[str, Any]:
    data, model, diffusion, train = read_sections(PARAMS, DataConfig, ModelConfig, DiffusionConfig, TrainConfig)
    model, train = apply_preset(model, train)
    return {
        "model": model.decided(),
        "diffusion": diffusion.model_dump(mode="json"),
        "train": {"temporal_weight": train.temporal_weight},
        "data": {"num_frames": data.num_frames, "image_size": data.image_size},
    }


def _trained(metadata: dict[str, Any]) -> dict[str, Any]:
    config = metadata["config"]
    return {
        "model": {key: value for key, value in (BEFORE_THE_KEY | config["model"]).items() if key not in UNDECIDED},
        "diffusion": config["diffusion"],
        "train": {"temporal_weight": config["temporal_weight"]},
        "data": {name: config["clip"][name] for name in ("num_frames", "image_size")},
    }
