"""What a project keeps under runs/ to go on from, as a table, and taking away what is no longer needed."""

import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from t2s import lock
from t2s.checkpoint import read_metadata
from t2s.errors import UserError
from t2s.tracking.buffer import BUFFER_NAME, Buffer
from t2s.training.state import STATE_KIND, STATE_PATTERN, step_of


@dataclass(frozen=True)
class RunSummary:
    """One directory under runs/.

    Attributes:
        step: of the newest state, None before the first.
        num_steps: of the whole training; None where no state tells it, as those of earlier versions do not.
        finished: whether the newest state is that of a training at its end.
        pid: of the process that works on it now, as far as it is known; None: nobody does.
        size_bytes: of all its files.
        updated: its last change, in seconds since the epoch.
        unsent: whether MLflow still lacks some of its metrics.
    """

    name: str
    step: int | None
    num_steps: int | None
    finished: bool
    pid: str | None
    size_bytes: int
    updated: float
    unsent: bool


def list_runs(root: Path) -> list[RunSummary]:
    """Every run of the project, the last changed first."""
    return sorted((_summary(folder) for folder in _folders(root)), key=lambda run: run.updated, reverse=True)


def runs_table(runs: Sequence[RunSummary]) -> str:
    """The runs as aligned text, one a line."""
    if not runs:
        return "no saved runs"
    lines = [f"{'run':28}  {'step':>13}  {'size':>9}  {'changed':>10}  state"]
    for run in runs:
        step = "-" if run.step is None else str(run.step) if run.num_steps is None else f"{run.step}/{run.num_steps}"
        left = "finished" if run.finished else "resumable" if run.step is not None else "idle"
        state = f"running, pid {run.pid}" if run.pid else left
        waiting = ", metrics wait for MLflow" if run.unsent else ""
        size = f"{run.size_bytes / 2**20:.1f} MiB"
        lines.append(f"{run.name:28}  {step:>13}  {size:>9}  {_age(time.time() - run.updated):>10}  {state}{waiting}")
    return "\n".join(lines)


def clean_runs(root: Path, names: Sequence[str] | None = None, keep: Collection[str] = ()) -> list[str]:
    """Delete these runs, or all but `keep` that nobody works on; return the names of the deleted.

    Raises:
        UserError: a named run does not exist, or is in use.
    """
    folders = {folder.name: folder for folder in _folders(root)}
    if missing := sorted(set(names or ()) - folders.keys()):
        raise UserError(f"{missing[0]}: no such run; `t2s runs list` names them")
    removed = []
    for name in sorted(folders.keys() - set(keep)) if names is None else names:
        try:
            with _exclusive(folders[name]):
                shutil.rmtree(folders[name])
        except UserError:
            if names is None:
                continue
            raise
        except OSError as error:
            raise UserError(f"{folders[name]}: cannot be deleted ({error.strerror})") from None
        removed.append(name)
    return removed


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    try:
        lock.acquire(folder)
    except lock.InUseError as error:
        raise UserError(f"{folder.name}: in use, pid {error.pid}; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release(folder)


def _folders(root: Path) -> list[Path]:
    return [path for path in (root.resolve() / "runs").glob("*") if path.is_dir()]


def _summary(folder: Path) -> RunSummary:
    files = list(_file_stats(folder))
    step, num_steps, finished = _progress(folder)
    return RunSummary(
        name=folder.name,
        step=step,
        num_steps=num_steps,
        finished=finished,
        pid=lock.holder(folder),
        size_bytes=sum(file.st_size for file in files),
        updated=max((file.st_mtime for file in files), default=0.0),
        unsent=Buffer(folder / BUFFER_NAME).pending(),
    )


def _progress(folder: Path) -> tuple[int | None, int | None, bool]:
    """Step of the newest state, steps of the whole training, and whether all are made and the last epoch is closed."""
    newest = max(folder.glob(STATE_PATTERN), default=None)
    if newest is None:
        return None, None, False
    with suppress(UserError, OSError, LookupError, TypeError):  # damaged, just being replaced, or of an earlier version
        metadata = read_metadata(newest, STATE_KIND)
        num_steps, rows = int(metadata["num_steps"]), metadata["history"]["rows"]
        return step_of(newest), num_steps, bool(rows) and step_of(newest) == num_steps == rows[-1]["step"]
    return step_of(newest), None, False


def _file_stats(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a running training replaces its files
            if path.is_file():
                yield path.stat()


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"
