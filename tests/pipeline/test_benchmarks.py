"""The benchmarks of a trained model, small, on the project that a real `make repro` made."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def quick(project: Any, script: str) -> dict[str, Any]:
    made = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--quick"], cwd=project.path, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)
    return found


@pytest.mark.slow
def test_sampling_from_a_cold_start_to_the_curve(project) -> None:
    result = quick(project, "sampling.py")
    (cold,) = result["tables"]["Cold start, s"]
    assert all(seconds > 0 for seconds in cold.values())
    assert cold["import"] > cold["load"]  # PyTorch takes longer than a tiny model
    curve = result["tables"]["Steps against quality"]
    assert {(row["sampler"], row["steps"]) for row in curve} == {("ddim", 4), ("ddim", 6), ("dpmpp", 4), ("dpmpp", 6)}
    assert all(0 <= row["top-1"] <= 1 and row["sharpness"] > 0 for row in curve)


@pytest.mark.slow
def test_a_race_to_quality(project) -> None:
    result = quick(project, "time_to_quality.py")
    rows = result["tables"]["Examinations"]
    assert {row["contender"] for row in rows} == {"ours", "latte", "legacy"}
    assert all(row["training, s"] > 0 and row["x0-error"] > 0 and 0 <= row["top-1"] <= 1 for row in rows)
