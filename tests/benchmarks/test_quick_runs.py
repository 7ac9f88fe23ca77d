"""Benchmarks run from end to end, small, and record nothing. Those that need a trained model: tests/pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def quick_run(tmp_path: Path) -> Any:
    """What a benchmark prints with --quick; it must leave no file behind."""

    def run(script: str, *options: str) -> dict[str, Any]:
        before = {path: path.stat().st_mtime_ns for path in RESULTS.glob("*")}
        made = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / script), "--quick", *options],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert {path: path.stat().st_mtime_ns for path in RESULTS.glob("*")} == before
        assert list(tmp_path.iterdir()) == []
        found: dict[str, Any] = json.loads(made.stdout)
        return found

    return run


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preset", str(ROOT / "presets" / "gpu.yaml"))])
def test_the_step_and_its_parts(quick_run, options: tuple[str, ...]) -> None:
    result = quick_run("training_step.py", *options)
    steady = result["tables"]["Steady state of the loop"]
    assert {row["phase"] for row in steady} >= {"full"}
    assert all(row["clips/s"] > 0 and row["GFLOP a clip"] > 0 and 0 < row["of matmul peak"] < 1 for row in steady)
    for row in result["tables"]["Shares of a step"]:
        parts = {name: share for name, share in row.items() if name not in ("arm", "phase")}
        assert {"loader wait", "noise", "forward and loss", "backward", "optimizer", "EMA", "rest"} == set(parts)
        assert all(share > 0 for share in parts.values()) and parts["rest"] < 0.5


@pytest.mark.slow
def test_how_cost_grows(quick_run) -> None:
    result = quick_run("cost_growth.py")
    points = result["tables"]["Points"]
    assert [row["size"] for row in points if row["axis"] == "frames"] == [4, 8]
    assert all(row["step, s"] > 0 and row["memory, MiB"] > 0 for row in points)
    assert {row["cost over"] for row in result["tables"]["Fitted exponents"]} >= {"frames", "tokens, joint"}


@pytest.mark.slow
def test_peers_beside_ours(quick_run) -> None:
    result = quick_run("peers.py", "--only", "latte")
    (rows,) = result["tables"].values()
    assert [row["model"].split(",")[0] for row in rows] == ["t2s", "diffusers Latte"]
    assert all(row["step, clips/s"] > 0 and row["one clip, s"] > 0 and row["GFLOP forward"] > 0 for row in rows)
    assert [row["our step is faster by, batches of 2"] for row in rows] == [1, result["findings"][1]["value"]]
