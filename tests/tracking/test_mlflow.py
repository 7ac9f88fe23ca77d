"""Tracking against real MLflow: the local store, and a real server that is absent, killed, frozen or broken."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from t2s.tracking.buffer import Buffer
from t2s.tracking.tracker import MlflowTracker, open_tracker

if TYPE_CHECKING:
    from tests.tracking.conftest import MlflowServer

MAX_BLOCKING_S = 0.005


def buffer_of(root: Path) -> Path:
    return root / "runs" / "abc" / "tracking.jsonl"


def open_at(root: Path) -> MlflowTracker:
    return open_tracker(root, "t2s", buffer_of(root))


def log_steps(tracker: MlflowTracker, steps: range) -> list[float]:
    """Log a metric per step, about 100 a second; how long each call blocked, in seconds."""
    blocked = []
    for step in steps:
        before = time.perf_counter()
        tracker.log_metrics({"loss": 1 / (1 + step), "grad": float(step)}, step)
        blocked.append(time.perf_counter() - before)
        time.sleep(0.01)
    return blocked


def once(steps: int) -> dict[str, Counter[int]]:
    return {"loss": Counter(range(steps)), "grad": Counter(range(steps))}


def sent(root: Path) -> Callable[[], bool]:
    return lambda: not Buffer(buffer_of(root)).pending()


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    """Poll until it is so; fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.1)


def most(blocked: list[float]) -> float:
    """Seconds within which 95 of 100 calls returned: the rest is left to the other processes of the machine."""
    return sorted(blocked)[len(blocked) * 95 // 100]


def logged(database: Path) -> dict[str, Counter[int]]:
    """How often each step of each metric is in the database."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT key, step FROM metrics").fetchall()
    connection.close()
    counts: dict[str, Counter[int]] = {}
    for key, step in rows:
        counts.setdefault(key, Counter())[step] += 1
    return counts


def query(database: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(database) as connection:
        rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


def test_a_run_reaches_the_local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "hello.gif").write_text("GIF")
    tracker = open_at(tmp_path)
    tracker.log_params({"model": {"depth": 4}})
    tracker.log_params({"model": {"depth": 5, "width": 8}})  # MLflow refuses to change a param: reported, not fatal
    tracker.log_metrics({"loss": 0.5, "wild": float("inf"), "bad": float("nan")}, 0)
    tracker.log_artifact(tmp_path / "hello.gif", "samples")
    tracker.set_tags({"t2s.fingerprint": "abc"})
    tracker.finish()

    database = tmp_path / "mlflow.db"
    assert query(database, "SELECT run_uuid, status FROM runs") == [(tracker.run_id, "FINISHED")]
    assert sorted(query(database, "SELECT key, value FROM params")) == [("model.depth", "4"), ("model.width", "8")]
    assert ("t2s.fingerprint", "abc") in query(database, "SELECT key, value FROM tags")
    assert sorted(query(database, "SELECT key, value, is_nan FROM metrics")) == [
        ("bad", 0.0, 1),
        ("loss", 0.5, 0),
        ("wild", 0.0, 1),
    ]
    (artifact,) = (tmp_path / "mlartifacts").rglob("hello.gif")
    assert artifact.parent.name == "samples"


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["absent", "hanging", "answering_500"])
def test_metrics_wait_for_a_server_that_is_not_there_at_start(
    tmp_path: Path,
    server: "MlflowServer",
    outage: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    with nullcontext() if outage == "absent" else getattr(server, outage)():
        tracker = open_at(tmp_path)
        blocked = log_steps(tracker, range(1000))
        wait_until(lambda: "does not answer" in caplog.text, 60)
        before = time.monotonic()
        tracker.finish()
        assert time.monotonic() - before < 20
    assert most(blocked) < MAX_BLOCKING_S
    assert caplog.text.count("does not answer") == 1
    assert tracker.run_id is None

    server.start()
    again = open_at(tmp_path)  # the next start of the same training
    log_steps(again, range(990, 1010))
    again.finish()
    assert logged(server.database) == once(1010)
    assert query(server.database, "SELECT run_uuid, status FROM runs") == [(again.run_id, "FINISHED")]


@pytest.mark.slow
def test_a_server_killed_and_one_frozen_in_the_middle_lose_and_repeat_nothing(
    tmp_path: Path, server: "MlflowServer", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    server.start()
    tracker = open_at(tmp_path)
    blocked = log_steps(tracker, range(300))
    wait_until(sent(tmp_path), 60)
    run_id = tracker.run_id
    server.signal(signal.SIGKILL)
    blocked += log_steps(tracker, range(300, 600))
    wait_until(lambda: caplog.text.count("does not answer") == 1, 60)
    server.start()
    wait_until(lambda: caplog.text.count("is back") == 1, 60)
    blocked += log_steps(tracker, range(600, 700))

    server.signal(signal.SIGSTOP)  # connections are accepted by the kernel and requests queue up
    blocked += log_steps(tracker, range(700, 1000))
    wait_until(lambda: caplog.text.count("does not answer") == 2, 60)
    server.signal(signal.SIGCONT)  # … and are worked off, after the sender has given up on them
    wait_until(lambda: caplog.text.count("is back") == 2, 60)
    tracker.finish()
    assert most(blocked) < MAX_BLOCKING_S
    assert logged(server.database) == once(1000)
    assert query(server.database, "SELECT run_uuid FROM runs") == [(run_id,)]


TRAINER = """
import itertools, sys, time
from pathlib import Path
from t2s.tracking.tracker import open_tracker
root = Path(sys.argv[1])
tracker = open_tracker(root, "t2s", root / "runs" / "abc" / "tracking.jsonl")
for step in itertools.count():
    tracker.log_metrics({"loss": 1.0, "grad": 1.0}, step)
    print(step, flush=True)
    time.sleep(0.005)
"""


@pytest.mark.slow
def test_a_killed_trainer_loses_and_repeats_no_metric(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    arguments = [sys.executable, "-c", TRAINER, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None
        last = 0
        while last < 1000:
            last = int(trainer.stdout.readline())
        trainer.kill()
        last = int((trainer.stdout.read().split() or [str(last)])[-1])
    wait_until(sent(tmp_path), 60)  # the sender outlives the trainer until all is sent
    resumed = open_at(tmp_path)
    log_steps(resumed, range(last - 50, last + 50))
    resumed.finish()
    assert logged(tmp_path / "mlflow.db") == once(last + 50)


def test_mlflow_is_told_not_to_report_home_before_it_is_there(tmp_path: Path) -> None:
    """It decides when it is imported, and would leave an identity in the user's settings."""
    home = tmp_path / "home"
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}  # no CI, where it keeps quiet
    surroundings = kept | {"HOME": str(home)}
    code = TRAINER.replace("itertools.count()", "range(3)") + "\ntracker.finish()\n"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=surroundings, stdout=subprocess.DEVNULL, check=True)
    wait_until(lambda: not Buffer(buffer_of(tmp_path)).pending(), 60)
    assert not list(home.rglob("telemetry*"))


@pytest.mark.slow
def test_three_processes_create_one_fresh_database(tmp_path: Path) -> None:
    code = TRAINER.replace("itertools.count()", "range(20)").replace('"abc"', "sys.argv[2]") + "\ntracker.finish()\n"
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    trainers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=environment, stdout=subprocess.DEVNULL)
        for name in ("a", "b", "c")
    ]
    assert [trainer.wait() for trainer in trainers] == [0, 0, 0]
    for name in ("a", "b", "c"):
        wait_until(lambda name=name: not Buffer(tmp_path / "runs" / name / "tracking.jsonl").pending(), 60)
    assert query(tmp_path / "mlflow.db", "SELECT count(*) FROM runs") == [(3,)]
    assert logged(tmp_path / "mlflow.db")["loss"] == Counter(dict.fromkeys(range(20), 3))
    assert query(tmp_path / "mlflow.db", "SELECT count(*) FROM experiments WHERE name = 't2s'") == [(1,)]
