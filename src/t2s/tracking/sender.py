"""The process that carries a run's record to MLflow: `python -m t2s.tracking.sender ROOT BUFFER`.

It runs until its standard input is closed (the trainer ended, in whatever way), then sends what is left and
leaves. What it says on standard output the trainer repeats as warnings.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import IO

from filelock import FileLock, Timeout

from t2s.tracking.buffer import BUFFER_NAME, Acknowledged, Buffer, Record
from t2s.tracking.store import Batch, MlflowStore, RunGoneError, Store

NICENESS = 5  # the training goes first, and still lets it through where all cores are busy
POLL_S = 0.5
MAX_PAUSE_S = 15.0
DRAIN_S = 8.0  # after the trainer ended
BATCH_ITEMS = 800  # MLflow takes 1,000 metrics, and 1,000 items in all, at once
BATCH_SETTINGS = 90  # … and 100 params or tags


class Sender:
    """Sends one buffer, in order, exactly once as far as the store can tell."""

    def __init__(self, buffer: Buffer, store: Store, say: Callable[[str], None]) -> None:
        self._buffer = buffer
        self._store = store
        self._say = say

    def send_pending(self) -> int:
        """Send everything recorded so far; return the number of records sent.

        Raises:
            Timeout: another process is sending this buffer.
            Exception: whatever the store raises when the server fails; what was acknowledged stays so.
        """
        if not self._buffer.pending():
            return 0
        with FileLock(self._buffer.lock_path, timeout=0):
            state = self._buffer.acknowledged()
            if state.uri != self._store.uri:  # never sent, or the user turned to another server
                state = Acknowledged(self._store.uri)
            try:
                return self._send_from(state)
            except RunGoneError:
                self._say("the MLflow run was deleted; its record is sent again as a new run")
                return self._send_from(Acknowledged(self._store.uri))

    def _send_from(self, state: Acknowledged) -> int:
        if state.run_id is None:
            run_id = self._store.find_or_create_run(self._header())
            state = replace(state, run_id=run_id)
            self._buffer.acknowledge(state)
        assert state.run_id is not None
        sent = 0
        for records, offset in _grouped(self._buffer.records(state.offset)):
            self._send(state.run_id, records)
            state = replace(state, offset=offset)
            self._buffer.acknowledge(state)
            self._forget_artifact(records[0])
            sent += len(records)
        return sent

    def _send(self, run_id: str, records: list[Record]) -> None:
        match records[0]:
            case {"kind": "artifact", "path": path, "folder": folder}:
                if (self._buffer.spool / path).exists():
                    self._store.send_artifact(run_id, self._buffer.spool / path, folder)
            case {"kind": "status", "status": status, "time_ms": time_ms}:
                self._store.set_status(run_id, status, time_ms)
            case _:
                for line in self._store.send(run_id, _batch(records)):
                    self._say(line)

    def _forget_artifact(self, record: Record) -> None:
        if record["kind"] == "artifact":
            rmtree((self._buffer.spool / record["path"]).parent, ignore_errors=True)

    def _header(self) -> Record:
        return next(record for record, _ in self._buffer.records() if record["kind"] == "run")


def _grouped(records: Iterator[tuple[Record, int]]) -> Iterator[tuple[list[Record], int]]:
    """Records that can go out together, with the offset at which they end; artifacts and status go alone."""
    group: list[Record] = []
    end = items = settings = 0
    for record, offset in records:
        size = len(record.get("values", ()))
        alone = record["kind"] in ("artifact", "status")
        is_setting = record["kind"] in ("params", "tags")
        full = items + size > BATCH_ITEMS or settings + size * is_setting > BATCH_SETTINGS
        if group and (alone or full):
            yield group, end
            group, items, settings = [], 0, 0
        group.append(record)
        end, items, settings = offset, items + size, settings + size * is_setting
        if alone:
            yield group, end
            group, items, settings = [], 0, 0
    if group:
        yield group, end


def _batch(records: list[Record]) -> Batch:
    batch = Batch()
    for record in records:
        match record:
            case {"kind": "metrics", "values": values, "step": step, "time_ms": time_ms}:
                batch.metrics += [(key, value, time_ms, step) for key, value in values.items()]
            case {"kind": "params", "values": values}:
                batch.params |= {key: value for key, value in values.items() if key not in batch.params}
            case {"kind": "tags", "values": values}:
                batch.tags |= values
    return batch


def run(sender: Sender, others: list[Sender], closed: threading.Event, say: Callable[[str], None], where: str) -> None:
    """Send until `closed` is set and nothing is left, or the server stays away for DRAIN_S after that."""
    pause_s = POLL_S
    away = False
    deadline = float("inf")
    while True:
        leaving = closed.is_set()
        if leaving:
            deadline = min(deadline, time.monotonic() + DRAIN_S)
        try:
            sent = sender.send_pending()
            if away and sent:
                say(f"MLflow at {where} is back; {sent} waiting records were sent")
            away, pause_s = False, POLL_S
            while others:
                others.pop().send_pending()  # what earlier runs could not send
            if leaving:
                return
        except Timeout:
            pass
        except Exception as error:  # whatever MLflow, SQLite or the network may raise: metrics wait, training goes on
            if not away:
                reason = " ".join(str(error).split())[:200]
                say(f"MLflow at {where} does not answer; metrics wait in a local file ({reason})")
            away, pause_s = True, min(2 * pause_s, MAX_PAUSE_S)
        if time.monotonic() > deadline:
            return
        if leaving:
            time.sleep(POLL_S)
        else:
            closed.wait(pause_s)


def give_way() -> None:
    """Let the trainer go first.

    Where Linux groups processes by session (autogroup, as on most desktops), it weighs whole sessions against each
    other, and ours is our own: the trainer's would lose up to a core to it, however nice its only process is.
    """
    niceness = os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), "ascii")


def main() -> None:
    give_way()
    root, path = (Path(argument) for argument in sys.argv[1:])
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # MLflow prints, too

    def say(line: str) -> None:
        with suppress(BrokenPipeError):  # the trainer is gone
            print(line, file=messages, flush=True)

    closed = threading.Event()
    threading.Thread(target=_wait_for_end, args=(sys.stdin, closed), daemon=True).start()
    store = MlflowStore(root)
    others = [Sender(Buffer(other), store, say) for other in root.glob(f"runs/*/{BUFFER_NAME}") if other != path]
    run(Sender(Buffer(path), store, say), others, closed, say, store.uri)


def _wait_for_end(stream: IO[str], closed: threading.Event) -> None:
    stream.read()
    closed.set()


if __name__ == "__main__":
    main()
