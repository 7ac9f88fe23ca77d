"""Short forms of the scripts that docs/reliability.md leans on; kill_resume.py's is in tests/test_train_stage.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str) -> dict[str, object]:
    """What a script prints; it must find its figures good."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_short_soak_finds_memory_and_files_flat(tmp_path: Path) -> None:
    found = run("soak.py", "--steps", "400", "--output", str(tmp_path / "soak"))
    assert (tmp_path / "soak.png").stat().st_size > 1000
    assert json.loads((tmp_path / "soak.json").read_text("utf-8")) == found


@pytest.mark.slow
def test_tracking_blocks_a_step_for_next_to_nothing() -> None:
    found = run("tracking_cost.py", "--steps", "150")
    assert set(found) == {"local", "absent", "hanging", "answering_500"}
