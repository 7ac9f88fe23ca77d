"""Short forms of the scripts that docs/reliability.md leans on; kill_resume.py's is in tests/test_train_stage.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str, judged: bool = True) -> dict[str, object]:
    """What a script prints; where it is judged, it must find its figures good."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0 or not judged, done.stdout + done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_short_soak_finds_memory_and_files_flat(tmp_path: Path) -> None:
    found = run("soak.py", "--steps", "400", "--output", str(tmp_path / "soak"))
    assert (tmp_path / "soak.png").stat().st_size > 1000
    assert json.loads((tmp_path / "soak.json").read_text("utf-8")) == found


@pytest.mark.slow
@pytest.mark.timeout(600)  # it starts a dozen senders, and waits for each of them
def test_the_cost_of_tracking_is_measured_against_every_kind_of_server() -> None:
    """Whether it is small is a matter of time, which no test may judge: see docs/reliability.md."""
    found = run("tracking_cost.py", "--calls", "50", "--steps", "6", "--rounds", "1", judged=False)
    assert set(found) == {"local", "absent", "hanging", "answering_500"}
