"""The run-state directories of a project: what is there, and taking away what is no longer needed."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2s.errors import UserError
from t2s.tracking.buffer import Buffer
from t2s.training.state import LOCK_NAME, STATE_PATTERN, acquire_lock, release_lock


@dataclass(frozen=True)
class RunSummary:
    """One directory under runs/.

    Attributes:
        step: of the newest state, None before the first.
        pid: of the process that trains it now, or None.
        size_bytes: of all its files.
        updated: its last change, in seconds since the epoch.
        unsent: whether MLflow still lacks some of its metrics.
        description: the content of its run.json, {} without one.
    """

    fingerprint: str
    step: int | None
    pid: int | None
    size_bytes: int
    updated: float
    unsent: bool
    description: dict[str, Any]


def list_runs(root: Path) -> list[RunSummary]:
    """Every run of the project, the last changed first."""
    return sorted((_summary(folder) for folder in _folders(root)), key=lambda run: run.updated, reverse=True)


def clean_runs(root: Path, fingerprints: list[str]) -> int:
    """Delete these runs; return the bytes freed.

    Raises:
        UserError: one does not exist, or is being trained (earlier ones are gone then).
    """
    folders = {folder.name: folder for folder in _folders(root)}
    freed = 0
    for fingerprint in fingerprints:
        folder = folders.get(fingerprint)
        if folder is None:
            raise UserError(f"{fingerprint}: no such run; `t2s runs list` names them")
        lock = acquire_lock(folder)
        freed += _summary(folder).size_bytes
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise UserError(f"{folder}: cannot be deleted ({error.strerror})") from None
        finally:
            release_lock(folder, lock)
    return freed


def _folders(root: Path) -> list[Path]:
    return [path for path in (root.resolve() / "runs").glob("*") if path.is_dir()]


def _summary(folder: Path) -> RunSummary:
    files = list(_file_stats(folder))
    states = sorted(folder.glob(STATE_PATTERN))
    return RunSummary(
        fingerprint=folder.name,
        step=int(states[-1].stem.removeprefix("state-")) if states else None,
        pid=_living(folder / LOCK_NAME),
        size_bytes=sum(file.st_size for file in files),
        updated=max((file.st_mtime for file in files), default=0.0),
        unsent=Buffer(folder / "tracking.jsonl").pending(),
        description=_description(folder / "run.json"),
    )


def _file_stats(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a running training replaces its files
            if path.is_file():
                yield path.stat()


def _living(lock: Path) -> int | None:
    """The process named in a lock file, unless it is dead. Asking for the lock could turn a trainer away."""
    try:
        pid = int(lock.read_text("ascii"))
        os.kill(pid, 0)
    except PermissionError:
        return pid
    except (OSError, ValueError):
        return None
    return pid


def _description(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
