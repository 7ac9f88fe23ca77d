"""After the evaluation: who becomes a version of the registered model, and who its champion."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.checkpoint import load_checkpoint, save_checkpoint

ROOT = Path(__file__).parents[1]
TINY = runpy.run_path(str(ROOT / "benchmarks/tiny_project.py"))


def faithfulness(low: float, ceiling: float = 0.9, refused: str | None = None) -> dict[str, Any]:
    top1 = {"top1": None, "top1_ci": None} if refused else {"top1": low + 0.05, "top1_ci": [low, low + 0.1]}
    return {"refused": refused, "generated": top1, "recogniser": {"ceiling_top1": ceiling}}


@pytest.mark.parametrize(
    ("report", "passes"),
    [
        (faithfulness(low=0.72), True),  # 0.8 of 0.9
        (faithfulness(low=0.71), False),  # the value itself is above; its interval is not
        (faithfulness(low=0.5, ceiling=0.6), True),
        (faithfulness(low=0.5, ceiling=0.7), False),
        (faithfulness(low=1.0, refused="semantics refused: the recogniser reads real clips at chance"), False),
    ],
)
def test_the_gate_asks_for_a_share_of_the_ceiling_beyond_chance(report: dict[str, Any], passes: bool) -> None:
    gate = runpy.run_path(str(ROOT / "pipelines/evaluate.py"))["passes_gate"]
    assert gate(report, 0.8) is passes


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two epochs, judged by a recogniser as small as it gets."""
    folder: Path = TINY["make_project"](
        tmp_path_factory.mktemp("t2s") / "project",
        train={"epochs": 2, "sample_epochs": [], "validation": {"num_clips": 4, "num_timesteps": 3, "every_epochs": 2}},
        recogniser={"epochs": 1, "width": 4, "num_frames": 4, "image_size": 16, "batch_size": 8, "gate_margin": 0.7},
        evaluate={
            "clips_per_sign": 2, "null_clips": 4, "num_steps": 2, "timestep_clips": 4, "ranking_clips": 4,
            "bootstrap_resamples": 100, "frechet_splits": 2, "champion_min_share": 0.0,
        },
    )  # fmt: skip
    for name in ("recogniser", "train"):
        run_stage(folder, name)
    return folder


def run_stage(project: Path, name: str) -> str:
    done = subprocess.run(
        TINY["stage_command"](name), cwd=project, env=TINY["environment"](), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def registry(project: Path) -> tuple[list[str], str | None]:
    """(the gate's word on each version, the champion's number)."""
    code = """
import json, logging
from t2s.serving import _client
client = _client()
versions = sorted(client.search_model_versions("name = 't2s'"), key=lambda one: int(one.version))
aliases = client.get_registered_model("t2s").aliases
print(json.dumps([[one.tags["t2s.gate"] for one in versions], aliases.get("champion")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=TINY["environment"](), capture_output=True, text=True, check=True
    )
    gates, champion = json.loads(done.stdout.splitlines()[-1])
    return gates, champion and str(champion)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_evaluated_checkpoint_is_a_version_and_only_a_faithful_one_the_champion(project: Path) -> None:
    assert "semantics refused" in run_stage(project, "evaluate")
    assert registry(project) == (["not passed"], None)

    recogniser = load_checkpoint(project / "models/recogniser.safetensors", kind="recogniser")
    config = recogniser.metadata["config"] | {"gate_margin": 0.0}
    report = json.loads((project / "reports/faithfulness.json").read_text())
    print(report["recogniser"])
