"""A tiny t2s project in a folder of its own: real stages, real clips, a training of seconds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]

# On top of the project's own params.yaml, so that its keys are always the current ones.
CHANGES: dict[str, dict[str, Any]] = {
    "data": {"signs": ["hello", "yes", "please", "drink"], "num_frames": 4, "image_size": 16},
    "signer": {"num_train_signers": 6, "num_val_signers": 1, "num_test_signers": 1, "image_size": 32},
    "preprocess": {"workers": 1},
    "model": {
        "patch_size": 4,
        "input_pool": 2,
        "tubelet_size": 2,
        "width": 32,
        "depth": 1,
        "num_heads": 2,
        "projection": "seed",
        "projection_width": 16,
        "projection_stride": 2,
        "projection_shortcut": True,
        "projection_sees_input": True,
    },
    "train": {
        "epochs": 90,
        "batch_size": 4,
        "coarse_fraction": 0.5,
        "warmup_steps": 5,
        "sample_epochs": [25],
        "validation": {"num_clips": 4, "num_timesteps": 3, "every_epochs": 25},
    },
    "runtime": {"device": "cpu", "num_threads": 1, "checkpoint_every_s": 0.2},
}


def make_project(folder: Path, **changes: dict[str, Any]) -> Path:
    """Write params.yaml (the project's own, made tiny, then `changes` by section) and run acquire and preprocess."""
    folder.mkdir(parents=True, exist_ok=True)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    for section, values in [*CHANGES.items(), *changes.items()]:
        params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    for stage in ("acquire", "preprocess"):
        subprocess.run(stage_command(stage), cwd=folder, env=environment(), check=True)
    return folder


def stage_command(stage: str) -> list[str]:
    """How dvc.yaml runs a stage."""
    return [sys.executable, str(REPOSITORY / "pipelines" / f"{stage}.py")]


def environment(**changes: str) -> dict[str, str]:
    """As inside the project, without what a surrounding DVC or MLflow set."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    return kept | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"} | changes
