"""The sender against a store that fails in every way: in order, none lost, none twice."""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from t2s.tracking.buffer import Buffer, Record
from t2s.tracking.sender import NICENESS, Sender, run
from t2s.tracking.store import Batch, RunGoneError

AUTOGROUP = Path("/proc/self/autogroup")


class FakeStore:
    """Keeps what it is sent, unique as MLflow's SQL store does; `fail` decides before and after each call."""

    def __init__(self, uri: str = "fake") -> None:
        self.uri = uri
        self.runs: dict[str, str] = {}
        self.metrics: list[tuple[str, float, int, int]] = []
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.statuses: list[str] = []
        self.batches: list[int] = []
        self.fail = lambda: False

    def _maybe_fail(self) -> None:
        if self.fail():
            raise ConnectionError("no answer")

    def find_or_create_run(self, header: Record) -> str:
        self._maybe_fail()
        run_id = self.runs.setdefault(header["token"], f"run{len(self.runs)}")
        self._maybe_fail()
        return run_id

    def send(self, run_id: str, batch: Batch) -> list[str]:
        self._maybe_fail()
        self.batches.append(len(batch))
        self.metrics += [metric for metric in batch.metrics if metric not in self.metrics]
        self.params |= batch.params
        self.tags |= batch.tags
        self._maybe_fail()  # it arrived, but the answer is lost
        return []

    def send_artifact(self, run_id: str, path: Path, folder: str) -> None:
        self._maybe_fail()
        self.files[f"{folder}/{path.name}"] = path.read_text()

    def set_status(self, run_id: str, status: str, time_ms: int) -> None:
        self._maybe_fail()
        self.statuses.append(status)


@pytest.fixture
def buffer(tmp_path: Path) -> Buffer:
    made = Buffer(tmp_path / "tracking.jsonl")
    made.append({"kind": "run", "time_ms": 0, "token": "t", "experiment": "e", "name": "n", "run_id": None})
    return made


def record(buffer: Buffer, steps: range) -> None:
    for step in steps:
        buffer.append({"kind": "metrics", "time_ms": step, "step": step, "values": {"loss": 0.5, "grad": 1.0}})


def no_message(line: str) -> None:
    raise AssertionError(line)


def test_all_kinds_arrive(buffer: Buffer) -> None:
    store = FakeStore()
    (buffer.spool / "1").mkdir(parents=True)
    (buffer.spool / "1" / "clip.gif").write_text("GIF")
    record(buffer, range(2))
    buffer.append({"kind": "params", "time_ms": 0, "values": {"depth": "4"}})
    buffer.append({"kind": "artifact", "time_ms": 0, "path": "1/clip.gif", "folder": "samples"})
    buffer.append({"kind": "tags", "time_ms": 0, "values": {"flag": "ok"}})
    buffer.append({"kind": "status", "time_ms": 0, "status": "FINISHED"})
    assert Sender(buffer, store, no_message).send_pending() == 7
    assert [metric[3] for metric in store.metrics] == [0, 0, 1, 1]
    assert (store.params, store.tags) == ({"depth": "4"}, {"flag": "ok"})
    assert (store.files, store.statuses) == ({"samples/clip.gif": "GIF"}, ["FINISHED"])
    assert buffer.acknowledged().run_id == "run0"
    assert not buffer.pending()
    assert list(buffer.spool.iterdir()) == []


def test_batches_stay_within_what_mlflow_takes(buffer: Buffer) -> None:
    store = FakeStore()
    record(buffer, range(1500))
    for number in range(150):
        buffer.append({"kind": "params", "time_ms": 0, "values": {f"p{number}": "1"}})
    Sender(buffer, store, no_message).send_pending()
    assert len(store.metrics) == 3000
    assert len(store.params) == 150
    assert max(store.batches) <= 1000
    assert len(store.batches) <= 8


@pytest.mark.parametrize("seed", range(10))
def test_a_failing_store_gets_everything_once_and_in_order(buffer: Buffer, seed: int) -> None:
    chance = random.Random(seed)
    store = FakeStore()
    store.fail = lambda: chance.random() < 0.4
    for start in range(0, 300, 30):
        record(buffer, range(start, start + 30))
        buffer.append({"kind": "status", "time_ms": 0, "status": "RUNNING"})
        for _ in range(3):
            try:
                Sender(buffer, store, no_message).send_pending()  # a new one each time: restarts lose nothing
            except ConnectionError:
                continue
    store.fail = lambda: False
    Sender(buffer, store, no_message).send_pending()
    assert [metric[3] for metric in store.metrics] == [step for step in range(300) for _ in range(2)]
    assert len(store.runs) == 1


def test_a_deleted_run_is_written_again(buffer: Buffer) -> None:
    messages: list[str] = []
    store = FakeStore()
    record(buffer, range(3))
    Sender(buffer, store, messages.append).send_pending()
    store.runs, store.metrics = {"other": "run0"}, []
    gone = iter([True, False, False])

    def send(run_id: str, batch: Batch) -> list[str]:
        if next(gone):
            raise RunGoneError(run_id)
        return FakeStore.send(store, run_id, batch)

    store.send = send  # type: ignore[method-assign]
    record(buffer, range(3, 5))
    Sender(buffer, store, messages.append).send_pending()
    assert [metric[3] for metric in store.metrics] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert buffer.acknowledged().run_id == "run1"
    assert len(messages) == 1


def test_another_server_gets_the_whole_run(buffer: Buffer) -> None:
    record(buffer, range(3))
    Sender(buffer, FakeStore("first"), no_message).send_pending()
    record(buffer, range(3, 4))
    second = FakeStore("second")
    Sender(buffer, second, no_message).send_pending()
    assert [metric[3] for metric in second.metrics] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_one_process_sends_at_a_time(buffer: Buffer) -> None:
    record(buffer, range(1))
    with FileLock(buffer.lock_path), pytest.raises(Timeout):
        Sender(buffer, FakeStore(), no_message).send_pending()


def test_an_outage_is_reported_once_and_so_is_its_end(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2s.tracking.sender.POLL_S", 0.01)
    monkeypatch.setattr("t2s.tracking.sender.MAX_PAUSE_S", 0.01)
    messages: list[str] = []
    store = FakeStore()
    attempts = iter(range(100))
    closed = threading.Event()

    def fail() -> bool:
        attempt = next(attempts)
        if attempt == 20:
            closed.set()
        return attempt < 20

    store.fail = fail
    record(buffer, range(3))
    run(Sender(buffer, store, messages.append), [], closed, messages.append, "http://server")
    assert len(messages) == 2
    assert "http://server does not answer; metrics wait in a local file (no answer)" in messages[0]
    assert "is back; 4 waiting records were sent" in messages[1]
    assert len(store.metrics) == 6


def test_a_record_that_was_deleted_during_an_outage_does_not_mean_that_it_is_over(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2s.tracking.sender.MAX_PAUSE_S", 0.01)
    messages: list[str] = []
    store = FakeStore()
    closed = threading.Event()

    def fail() -> bool:
        buffer.path.unlink()
        closed.set()
        return True

    store.fail = fail
    record(buffer, range(3))
    run(Sender(buffer, store, messages.append), [], closed, messages.append, "http://server")
    assert len(messages) == 1 and "does not answer" in messages[0]


def test_the_sender_leaves_when_the_trainer_has_and_the_server_stays_away(buffer: Buffer) -> None:
    store = FakeStore()
    store.fail = lambda: True
    closed = threading.Event()
    threading.Timer(0.2, closed.set).start()
    run(Sender(buffer, store, lambda line: None), [], closed, lambda line: None, "http://server")
    assert buffer.pending()


def test_the_trainer_goes_first_even_where_sessions_are_weighed_against_each_other() -> None:
    """The sender is a session of its own; Linux then weighs that as a whole, if it was built so and set so."""
    code = "import os; from t2s.tracking.sender import give_way; give_way(); print(os.nice(0), open(AUTOGROUP).read())"
    code = code.replace("AUTOGROUP", "'/proc/self/autogroup'" if AUTOGROUP.exists() else "os.devnull")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=True
    )
    niceness, *group = done.stdout.split()
    assert int(niceness) == min(os.nice(0) + NICENESS, 19)
    assert group[1:] == (["nice", niceness] if AUTOGROUP.exists() else [])


def test_what_earlier_runs_could_not_send_goes_out_too(buffer: Buffer, tmp_path: Path) -> None:
    earlier = Buffer(tmp_path / "earlier.jsonl")
    header = {"kind": "run", "time_ms": 0, "token": "e", "experiment": "e", "name": "n", "run_id": None}
    earlier.append(header)
    record(earlier, range(10, 12))
    store = FakeStore()
    closed = threading.Event()
    closed.set()
    run(Sender(buffer, store, no_message), [Sender(earlier, store, no_message)], closed, no_message, "x")
    assert [metric[3] for metric in store.metrics] == [10, 10, 11, 11]
    assert not earlier.pending()


def test_halves_hold_each_item_once() -> None:
    batch = Batch([("m", 1.0, 0, 0), ("n", 1.0, 0, 0)], {"p": "1", "q": "2"}, {"t": "1"})
    waiting, singles = [batch], []
    while waiting:
        part = waiting.pop()
        if len(part) == 1:
            singles.append(part)
        else:
            waiting += part.halves()
    assert sorted(repr(part) for part in singles) == sorted(
        repr(part)
        for part in (
            Batch([("m", 1.0, 0, 0)]),
            Batch([("n", 1.0, 0, 0)]),
            Batch(params={"p": "1"}),
            Batch(params={"q": "2"}),
            Batch(tags={"t": "1"}),
        )
    )
