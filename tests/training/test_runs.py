"""`t2s runs`: what the state directories hold, and cleaning them."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from t2s.data.finished import FinishedClips
from t2s.errors import UserError
from t2s.tracking.buffer import Buffer
from t2s.training.runs import clean_runs, list_runs, runs_table
from t2s.training.state import RunState


def make_run(root: Path, fingerprint: str, step: int, **metadata: Any) -> None:
    with RunState.open(root, fingerprint, {}) as state:
        state.save(step, {"weight": torch.zeros(100)}, metadata)
        Buffer(state.tracking_buffer).append({"kind": "status", "time_ms": 0, "status": "RUNNING"})


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    for number, fingerprint in enumerate(["aaaa", "bbbb"]):
        make_run(tmp_path, fingerprint, step=10 * (number + 1))
        for path in (tmp_path / "runs" / fingerprint).iterdir():
            os.utime(path, (number, number))
    newest, oldest = list_runs(tmp_path)
    assert (newest.name, newest.step, newest.pid, newest.unsent) == ("bbbb", 20, None, True)
    assert (oldest.name, oldest.step) == ("aaaa", 10)
    assert oldest.size_bytes > 400


def test_a_run_in_progress_shows_its_pid_and_is_not_cleaned(tmp_path: Path) -> None:
    with RunState.open(tmp_path, "aaaa", {}):
        assert list_runs(tmp_path)[0].pid == str(os.getpid())
        with pytest.raises(UserError, match=f"aaaa: in use, pid {os.getpid()}"):
            clean_runs(tmp_path, ["aaaa"])
    assert list_runs(tmp_path)[0].pid is None


def test_a_stale_lock_of_a_dead_process_is_no_run_in_progress(tmp_path: Path) -> None:
    make_run(tmp_path, "aaaa", 1)
    (tmp_path / "runs" / "aaaa" / "lock").write_text(str(2**22 + 1))
    assert list_runs(tmp_path)[0].pid is None


@pytest.mark.parametrize("name", ["aaaa", "preprocess-1"])
def test_an_id_that_another_process_has_got_since_is_no_run_in_progress(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "runs" / name
    folder.mkdir(parents=True)
    for file in ("lock", "pid"):  # kill -9 leaves the id behind, and this very process has it now
        (folder / file).write_text(str(os.getpid()))
    assert list_runs(tmp_path)[0].pid is None
    assert clean_runs(tmp_path) == [name]


def test_cleaning_frees_the_named_runs_only(tmp_path: Path) -> None:
    make_run(tmp_path, "aaaa", 1)
    make_run(tmp_path, "bbbb", 1)
    assert clean_runs(tmp_path, ["aaaa"]) == ["aaaa"]
    assert [run.name for run in list_runs(tmp_path)] == ["bbbb"]


def test_cleaning_all_leaves_what_is_in_use(tmp_path: Path) -> None:
    make_run(tmp_path, "aaaa", 1)
    preprocess = tmp_path / "runs" / "preprocess-1"
    with RunState.open(tmp_path, "bbbb", {}), FinishedClips(preprocess, (2, 4, 4, 3)):
        assert list_runs(tmp_path)[0].pid == str(os.getpid())
        assert clean_runs(tmp_path) == ["aaaa"]
        with pytest.raises(UserError, match="preprocess-1: in use"):
            clean_runs(tmp_path, ["preprocess-1"])
    assert sorted(clean_runs(tmp_path)) == ["bbbb", "preprocess-1"]


def test_cleaning_all_leaves_what_is_asked_for_however_it_is_listed(tmp_path: Path) -> None:
    for name in ("aaaa", "bbbb"):
        make_run(tmp_path, name, 1)
    assert clean_runs(tmp_path, keep=["bbbb", "cccc"]) == ["aaaa"]
    assert [run.name for run in list_runs(tmp_path)] == ["bbbb"]


def test_a_run_that_cannot_be_deleted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "aaaa", 1)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(UserError, match=r"aaaa: cannot be deleted \(Permission denied\)"):
        clean_runs(tmp_path)


def test_the_table_says_what_a_person_asks(tmp_path: Path) -> None:
    assert runs_table([]) == "no saved runs"
    make_run(tmp_path, "aaaa", 42)
    with RunState.open(tmp_path, "bbbb", {}):
        table = runs_table(list_runs(tmp_path))
    assert re.search(r"aaaa +42 +0\.\d MiB +just now  resumable, metrics wait for MLflow", table)
    assert re.search(rf"bbbb +- +0\.0 MiB +just now  running, pid {os.getpid()}$", table, re.MULTILINE)


def test_a_finished_training_is_told_from_one_that_can_go_on(tmp_path: Path) -> None:
    closed, open_epoch = ({"rows": [{"step": step}]} for step in (600, 300))
    make_run(tmp_path, "aaaa", 40, num_steps=600, history={"rows": []})
    make_run(tmp_path, "bbbb", 600, num_steps=600, history=closed)
    make_run(tmp_path, "cccc", 600, num_steps=600, history=open_epoch)  # stopped while its last epoch was looked at
    make_run(tmp_path, "dddd", 600)  # of a version that did not note num_steps
    make_run(tmp_path, "eeee", 7, num_steps=600)
    (tmp_path / "runs/eeee/state-00000007.safetensors").write_bytes(b"damaged")
    words = {line.split()[0]: line.split() for line in runs_table(list_runs(tmp_path)).splitlines()}
    shown = {name: (line[1], line[6].rstrip(",")) for name, line in words.items() if name != "run"}
    assert shown == {
        "aaaa": ("40/600", "resumable"),
        "bbbb": ("600/600", "finished"),
        "cccc": ("600/600", "resumable"),
        "dddd": ("600", "resumable"),
        "eeee": ("7", "resumable"),
    }


@pytest.mark.parametrize("name", ["cccc", "..", "../outside", ""])
def test_only_runs_can_be_cleaned(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "aaaa", 1)
    (tmp_path / "outside").mkdir()
    with pytest.raises(UserError, match="no such run"):
        clean_runs(tmp_path, [name])
    assert (tmp_path / "outside").is_dir()
    assert len(list_runs(tmp_path)) == 1
