"""The step benchmark runs from end to end, small, and records nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_quick_run_prints_its_figures_and_writes_none(tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").glob("*")}
    made = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training_step.py"), "--quick"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(made.stdout)
    steady = result["tables"]["Steady state of the loop"]
    assert {row["phase"] for row in steady} >= {"full"}
    assert all(row["clips/s"] > 0 and row["GFLOP a clip"] > 0 and 0 < row["of matmul peak"] < 1 for row in steady)
    for row in result["tables"]["Shares of a step"]:
        parts = {name: share for name, share in row.items() if name not in ("arm", "phase")}
        assert {"loader wait", "noise", "forward and loss", "backward", "optimizer", "EMA", "rest"} == set(parts)
        assert sum(parts.values()) == pytest.approx(1, abs=0.01)
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").glob("*")} == before
    assert list(tmp_path.iterdir()) == []
