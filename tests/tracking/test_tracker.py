"""What the trainer sees of tracking: appends that never block, no repeated step, warnings passed on."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from t2s.tracking import launch
from t2s.tracking.tracker import MlflowTracker, SilentTracker, Tracker, continue_run, open_tracker


@pytest.fixture
def buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A buffer whose sender says one line and waits for its end."""

    code = "import sys; print('the server does not answer', flush=True); sys.stdin.read()"
    started = subprocess.Popen

    def start(command: list[str], **options: Any) -> "subprocess.Popen[str]":
        return started([sys.executable, "-S", "-c", code], **options)

    monkeypatch.setattr(launch.subprocess, "Popen", start)
    return tmp_path / "runs" / "abc" / "tracking.jsonl"


def open_at(buffer: Path, **options: Any) -> MlflowTracker:
    return open_tracker(buffer.parents[2], "t2s", buffer, **options)


def records(buffer: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in buffer.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_both_trackers_fit_the_protocol(buffer: Path) -> None:
    silent: Tracker = SilentTracker()
    real: Tracker = open_at(buffer)
    for tracker in (silent, real):
        tracker.log_params({"a": 1})
        tracker.log_metrics({"loss": 1.0}, 0)
        tracker.set_tags({"a": "b"})
        tracker.log_artifact(buffer)
        assert tracker.run_id is None
        tracker.finish()


def test_the_run_is_described_once(buffer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "tough-loon")
    for tag in ("first", "second"):
        open_at(buffer, run_id="r1", tags={"git.revision": tag}).finish()
    (header,) = records(buffer, "run")
    assert (header["experiment"], header["name"], header["run_id"]) == ("t2s", "tough-loon", "r1")
    assert [record["status"] for record in records(buffer, "status")] == ["RUNNING", "FINISHED"] * 2


def test_a_resumed_run_repeats_no_step(buffer: Path) -> None:
    first = open_at(buffer)
    for step in range(10):
        first.log_metrics({"loss": 1.0}, step)
    first.finish("KILLED")
    resumed = open_at(buffer)
    for step in range(7, 12):
        resumed.log_metrics({"loss": 2.0, "grad": 1.0}, step)
    resumed.finish()
    logged = [(record["step"], key) for record in records(buffer, "metrics") for key in record["values"]]
    assert sorted(logged) == sorted([(step, "loss") for step in range(12)] + [(step, "grad") for step in range(7, 12)])


def test_a_stage_that_may_measure_again_does(buffer: Path) -> None:
    for value in (0.5, 0.6):
        tracker = open_at(buffer, skip_logged_steps=False)
        tracker.log_metrics({"top1": value}, 0)
        tracker.finish()
    assert [record["values"] for record in records(buffer, "metrics")] == [{"top1": 0.5}, {"top1": 0.6}]


def test_a_later_stage_continues_the_run_of_the_training(buffer: Path, tmp_path: Path) -> None:
    open_at(buffer).finish()
    run_file = tmp_path / "run.json"
    run_file.write_text(json.dumps({"run_id": None, "fingerprint": "abc"}))
    with continue_run(tmp_path, "t2s", run_file) as tracker:
        tracker.log_metrics({"top1": 0.9}, 0)
    with pytest.raises(ZeroDivisionError), continue_run(tmp_path, "t2s", run_file):
        _ = 1 / 0
    assert len(records(buffer, "run")) == 1
    assert [record["values"] for record in records(buffer, "metrics")] == [{"top1": 0.9}]
    statuses = [record["status"] for record in records(buffer, "status")]
    assert statuses == ["RUNNING", "FINISHED", "RUNNING", "FINISHED", "RUNNING", "FAILED"]


def test_without_a_training_a_stage_tracks_nothing(tmp_path: Path) -> None:
    with continue_run(tmp_path, "t2s", tmp_path / "missing.json") as tracker:
        tracker.log_metrics({"top1": 0.9}, 0)
    assert list(tmp_path.iterdir()) == []


def test_tensors_and_odd_names_are_recorded(buffer: Path) -> None:
    tracker = open_at(buffer)
    tracker.log_metrics({"acc=[yes]": torch.tensor(0.25), "bad": float("inf")}, 3)  # type: ignore[dict-item]
    tracker.finish()
    assert records(buffer, "metrics")[0]["values"] == {"acc__yes_": 0.25, "bad": float("inf")}


def test_an_artifact_is_kept_as_it_was(buffer: Path, tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "hello.gif").write_text("first")
    tracker = open_at(buffer)
    tracker.log_artifact(tmp_path / "samples", "epoch5")
    (tmp_path / "samples" / "hello.gif").write_text("second")
    tracker.finish()
    (record,) = records(buffer, "artifact")
    assert (buffer.parent / "tracking-artifacts" / record["path"] / "hello.gif").read_text() == "first"


def test_a_missing_artifact_is_a_warning(buffer: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = open_at(buffer)
    tracker.log_artifact(tmp_path / "missing.png")
    tracker.finish()
    assert "missing.png is not tracked" in caplog.text


def test_what_the_sender_says_becomes_a_warning(buffer: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tracker = open_at(buffer)
        tracker.finish()
        tracker.finish("FAILED")
    assert caplog.text.count("the server does not answer") == 1
    assert "not all of it is at MLflow yet" in caplog.text
    assert len(records(buffer, "status")) == 2


def test_a_full_disk_does_not_stop_the_training(
    buffer: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = open_at(buffer)
    before = buffer.read_bytes()

    def full(record: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tracker._buffer, "append", full)
    tracker.log_metrics({"loss": 1.0}, 0)
    tracker.finish()
    assert "No space left" in caplog.text
    assert buffer.read_bytes() == before


def test_the_trainer_never_imports_mlflow() -> None:
    code = "import sys, t2s.tracking.tracker; print('mlflow' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
