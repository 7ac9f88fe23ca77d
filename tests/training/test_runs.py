"""`t2s runs`: what the state directories hold, and cleaning them."""

import os
from pathlib import Path

import pytest
import torch

from t2s.errors import UserError
from t2s.tracking.buffer import Buffer
from t2s.training.runs import clean_runs, list_runs
from t2s.training.state import RunState


def make_run(root: Path, fingerprint: str, step: int) -> None:
    with RunState.open(root, fingerprint, {}) as state:
        state.describe({"experiment": "demo"})
        state.save(step, {"weight": torch.zeros(100)}, {})
        Buffer(state.tracking_buffer).append({"kind": "run"})


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    for number, fingerprint in enumerate(["aaaa", "bbbb"]):
        make_run(tmp_path, fingerprint, step=10 * (number + 1))
        for path in (tmp_path / "runs" / fingerprint).iterdir():
            os.utime(path, (number, number))
    newest, oldest = list_runs(tmp_path)
    assert (newest.fingerprint, newest.step, newest.pid, newest.unsent) == ("bbbb", 20, None, True)
    assert (oldest.fingerprint, oldest.description["experiment"]) == ("aaaa", "demo")
    assert oldest.size_bytes > 400


def test_a_run_in_progress_shows_its_pid_and_is_not_cleaned(tmp_path: Path) -> None:
    with RunState.open(tmp_path, "aaaa", {}):
        assert list_runs(tmp_path)[0].pid == os.getpid()
        with pytest.raises(UserError, match="already training aaaa"):
            clean_runs(tmp_path, ["aaaa"])
    assert list_runs(tmp_path)[0].pid is None


def test_a_stale_lock_of_a_dead_process_is_no_run_in_progress(tmp_path: Path) -> None:
    make_run(tmp_path, "aaaa", 1)
    (tmp_path / "runs" / "aaaa" / "lock").write_text(str(2**22 + 1))
    assert list_runs(tmp_path)[0].pid is None


def test_cleaning_frees_the_named_runs_only(tmp_path: Path) -> None:
    make_run(tmp_path, "aaaa", 1)
    make_run(tmp_path, "bbbb", 1)
    size = list_runs(tmp_path)[1].size_bytes
    assert clean_runs(tmp_path, ["aaaa"]) == pytest.approx(size, abs=16)
    assert [run.fingerprint for run in list_runs(tmp_path)] == ["bbbb"]


@pytest.mark.parametrize("name", ["cccc", "..", "../outside", ""])
def test_only_runs_can_be_cleaned(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "aaaa", 1)
    (tmp_path / "outside").mkdir()
    with pytest.raises(UserError, match="no such run"):
        clean_runs(tmp_path, [name])
    assert (tmp_path / "outside").is_dir()
    assert len(list_runs(tmp_path)) == 1
