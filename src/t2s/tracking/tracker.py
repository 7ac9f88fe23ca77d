"""Experiment tracking that cannot hurt a training: the trainer only appends to a local file.

A separate process (sender.py) reads that file and talks to MLflow. So the training process never imports
mlflow, never waits for a server, and loses nothing when the server, the sender or itself is killed: what is
unsent stays in the file and goes out when the server is back, or at the next start.
"""

import json
import logging
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from t2s.errors import UserError
from t2s.provenance import run_name
from t2s.tracking.buffer import BUFFER_NAME, Buffer
from t2s.tracking.launch import SenderProcess
from t2s.tracking.naming import flat_params, safe_name

FINISH_TIMEOUT_S = 30.0
FAILED_TIMEOUT_S = 1.0  # whoever sent SIGTERM, or reads an error, will not wait

logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """Where a run's params, metrics and files are kept. No call waits for a server or fails with it."""

    @property
    def run_id(self) -> str | None:
        """The MLflow run, or None as long as no server has seen it."""

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record params; nested mappings become dotted keys."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Record values of one step (≥ 0). Steps recorded before are skipped: a resumed run repeats none."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file or folder as it is now, under `folder` of the run's artifacts."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags; a later value replaces an earlier one."""

    def finish(self, status: str = "FINISHED") -> None:
        """End the run (FINISHED, FAILED or KILLED); wait a bounded time for what is still to be sent."""


class SilentTracker:
    """Tracks nothing."""

    run_id: str | None = None

    def log_params(self, params: Mapping[str, Any]) -> None: ...

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None: ...

    def log_artifact(self, path: Path, folder: str = "") -> None: ...

    def set_tags(self, tags: Mapping[str, str]) -> None: ...

    def finish(self, status: str = "FINISHED") -> None: ...


class MlflowTracker:
    """Appends to `buffer`; `sender` carries it to MLflow."""

    def __init__(self, buffer: Buffer, sender: SenderProcess, skip_logged_steps: bool) -> None:
        self._buffer = buffer
        self._sender = sender
        self._last_steps = buffer.last_steps() if skip_logged_steps else {}
        self._skip = skip_logged_steps
        self._finished = False

    @property
    def run_id(self) -> str | None:
        return self._buffer.acknowledged().run_id

    def log_params(self, params: Mapping[str, Any]) -> None:
        self._append("params", values={safe_name(key): value for key, value in flat_params(params).items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        values = {safe_name(key): float(value) for key, value in metrics.items()}
        if self._skip:
            values = {key: value for key, value in values.items() if step > self._last_steps.get(key, -1)}
            self._last_steps |= dict.fromkeys(values, step)
        if values:
            self._append("metrics", step=step, values=values)

    def log_artifact(self, path: Path, folder: str = "") -> None:
        kept = self._buffer.spool / uuid.uuid4().hex / path.name
        try:
            kept.parent.mkdir(parents=True)
            if path.is_dir():
                shutil.copytree(path, kept)
            else:
                shutil.copyfile(path, kept)
        except OSError as error:
            logger.warning("%s is not tracked (%s)", path, error)
            return
        self._append("artifact", path=str(kept.relative_to(self._buffer.spool)), folder=folder)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._append("tags", values={safe_name(key): str(value) for key, value in tags.items()})

    def finish(self, status: str = "FINISHED") -> None:
        if self._finished:
            return
        self._finished = True
        self._append("status", status=status)
        self._sender.finish(FINISH_TIMEOUT_S if status == "FINISHED" else FAILED_TIMEOUT_S)
        if self._buffer.pending():
            logger.warning("%s: not all of it is at MLflow yet; the rest is sent later", self._buffer.path)

    def _append(self, kind: str, **content: Any) -> None:
        try:
            self._buffer.append({"kind": kind, "time_ms": time.time_ns() // 1_000_000, **content})
        except OSError as error:
            logger.warning("%s: not tracked (%s)", self._buffer.path, error.strerror)


def open_tracker(
    root: Path,
    experiment: str,
    buffer: Path,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    skip_logged_steps: bool = True,
) -> MlflowTracker:
    """Start or continue the run that `buffer` records; the MLflow run is made when the server is there.

    Args:
        root: the project's root; holds mlflow.db and mlartifacts/ unless MLFLOW_TRACKING_URI names a server.
        buffer: this run's record, e.g. `RunState.tracking_buffer`; one buffer is one MLflow run.
        run_id: continue this MLflow run when `buffer` does not exist yet (train ran elsewhere).
        skip_logged_steps: False for a stage that may log a step again with a new value (evaluate).

    Raises:
        UserError: the record cannot be written.
    """
    record = Buffer(buffer)
    try:
        buffer.parent.mkdir(parents=True, exist_ok=True)
        record.complete_torn_line()
        _describe(record, experiment, run_id)
    except OSError as error:
        raise UserError(f"{buffer}: cannot be written ({error.strerror})") from None
    tracker = MlflowTracker(record, SenderProcess(root, buffer), skip_logged_steps)
    tracker._append("status", status="RUNNING")
    tracker.set_tags(tags or {})
    return tracker


def _describe(record: Buffer, experiment: str, run_id: str | None) -> None:
    """Write the record's header, once."""
    if not record.has_header():
        record.append(
            {
                "kind": "run",
                "time_ms": time.time_ns() // 1_000_000,
                "token": uuid.uuid4().hex,
                "experiment": experiment,
                "name": run_name(),
                "run_id": run_id,
            }
        )


@contextmanager
def continue_run(root: Path, experiment: str, run_file: Path) -> Iterator[Tracker]:
    """Track into the run of the training that wrote `run_file` (reports/run.json); silently nowhere without one.

    What is measured again replaces what was: steps may be logged again.
    """
    try:
        run = json.loads(run_file.read_text("utf-8"))
    except FileNotFoundError:
        yield SilentTracker()
        return
    buffer = root / "runs" / run["fingerprint"] / BUFFER_NAME
    tracker = open_tracker(root, experiment, buffer, run["run_id"], skip_logged_steps=False)
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
    finally:
        tracker.finish(status)
