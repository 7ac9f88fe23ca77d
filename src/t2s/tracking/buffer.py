"""The local record of a run: an append-only file of JSON lines, and how much of it MLflow has.

tracking.jsonl       one record a line: run (first), params, metrics, tags, artifact, status
tracking.ack.json    the MLflow run and the byte offset up to which everything was received
tracking.lock        held while records are sent, so that one process sends at a time
tracking-artifacts/  copies of files still to be sent
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from t2s import atomic

Record = dict[str, Any]
BUFFER_NAME = "tracking.jsonl"

# What a record of each kind holds beside its kind and time.
_FIELDS: dict[str, dict[str, type]] = {
    "run": {"token": str, "experiment": str, "name": str},
    "params": {"values": dict},
    "metrics": {"values": dict, "step": int},
    "tags": {"values": dict},
    "artifact": {"path": str, "folder": str},
    "status": {"status": str},
}


@dataclass(frozen=True)
class Acknowledged:
    """What MLflow at `uri` has: the run, and every record that ends at or before `offset` (bytes)."""

    uri: str | None = None
    run_id: str | None = None
    offset: int = 0


class Buffer:
    """One run's record at `path`; the other files lie beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock_path = path.with_suffix(".lock")
        self.spool = path.with_name(f"{path.stem}-artifacts")
        self._ack_path = path.with_suffix(".ack.json")

    def append(self, record: Record) -> None:
        """Append one record: microseconds, no fsync. It survives the death of this process.

        Raises:
            OSError: the disk is full.
        """
        line = f"{json.dumps(record)}\n".encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            written = os.write(handle, line)
            if written < len(line):
                os.write(handle, b"\n")
        finally:
            os.close(handle)

    def records(self, offset: int = 0) -> Iterator[tuple[Record, int]]:
        """Every complete record from `offset` on, with the offset where it ends.

        Torn and damaged lines are skipped: no fault of this file may stop a training.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # still being written
                offset += len(line)
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if _is_record(record):
                    yield record, offset

    def has_header(self) -> bool:
        """Whether the run has been described yet."""
        return any(record["kind"] == "run" for record, _ in self.records())

    def last_steps(self) -> dict[str, int]:
        """The highest step recorded for each metric."""
        last: dict[str, int] = {}
        for record, _ in self.records():
            if record["kind"] == "metrics":
                for key in record["values"]:
                    last[key] = max(record["step"], last.get(key, -1))
        return last

    def pending(self) -> bool:
        """Whether there are records that MLflow does not have."""
        return next(self.records(self.acknowledged().offset), None) is not None

    def acknowledged(self) -> Acknowledged:
        """What MLflow has; nothing when that was never written, or is damaged: then all is sent again.

        MLflow keeps a metric of one key, step and time once, and the run is found by its token.
        """
        try:
            found = Acknowledged(**json.loads(self._ack_path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return Acknowledged()
        texts = (found.uri, found.run_id)
        length = self.path.stat().st_size if self.path.exists() else 0
        whole = isinstance(found.offset, int) and 0 <= found.offset <= length
        whole = whole and all(text is None or isinstance(text, str) for text in texts)
        return found if whole else Acknowledged()

    def acknowledge(self, state: Acknowledged) -> None:
        """Durably note what MLflow has; first the record, which must never be shorter than what was received."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        atomic.write_json(self._ack_path, asdict(state))

    def complete_torn_line(self) -> None:
        """End a line that a full disk or power loss cut off, so that the next record stands on its own."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return
        with self.path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def _is_record(value: object) -> bool:
    """Whether a line that was read back is one of ours, whole."""
    if not isinstance(value, dict) or not isinstance(value.get("time_ms"), int):
        return False
    needed = _FIELDS.get(str(value.get("kind")))
    return needed is not None and all(isinstance(value.get(name), kind) for name, kind in needed.items())
