"""A folder that one process at a time works in, and who that is.

The file `lock` in it is locked as long as that process lives, and holds its id. That is for messages only: ids are
given to other processes again, so whether a folder is in use is a question to the lock.
"""

import fcntl
import os
import time
from pathlib import Path

NAME = "lock"
PATIENCE_S = 0.3  # `holder` and `t2s runs clean` hold the lock for an instant

_held: dict[Path, int] = {}  # folder → file; POSIX locks do not exclude their own process


class InUseError(Exception):
    """Another process, or this one, works in the folder. `pid`: its id, as far as it is known."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


def acquire(folder: Path) -> None:
    """Make the folder and take its lock.

    A POSIX record lock (lockf), not flock: forked workers do not inherit it, so a killed process frees it at once, even
    while its workers are still dying.

    Raises:
        InUseError: somebody has it.
        OSError: the folder cannot be written.
    """
    folder = folder.resolve()
    if folder in _held:
        raise InUseError(str(os.getpid()))
    deadline = time.monotonic() + PATIENCE_S
    while (handle := _try(folder)) is None:
        if time.monotonic() > deadline:
            raise InUseError(_pid(folder))
        time.sleep(0.02)
    _held[folder] = handle


def release(folder: Path) -> None:
    """Release the folder; releasing it twice is harmless."""
    handle = _held.pop(folder.resolve(), None)
    if handle is not None:
        os.truncate(handle, 0)
        os.close(handle)


def holder(folder: Path) -> str | None:
    """The id of the process that works in the folder, as far as it is known; None: nobody does."""
    if folder.resolve() in _held:
        return str(os.getpid())
    try:
        handle = os.open(folder / NAME, os.O_RDONLY)
    except OSError:  # never locked
        return None
    try:
        fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return _pid(folder)
    finally:
        os.close(handle)
    return None


def _try(folder: Path) -> int | None:
    """The locked file, or None when somebody has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):  # else it was cleaned away meanwhile
            os.truncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return handle
    except (BlockingIOError, PermissionError, FileNotFoundError):
        pass
    except OSError:  # a full disk, a file system without locks
        os.close(handle)
        raise
    os.close(handle)
    return None


def _pid(folder: Path) -> str:
    try:
        return (folder / NAME).read_text("ascii") or "unknown"
    except (OSError, ValueError):
        return "unknown"
