"""Durable writes: a reader sees the old file or the new one, never a half, even after kill -9 or power loss."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from t2s.errors import UserError

TEMP_PREFIX = ".t2s-partial-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it durably takes `path`'s place.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file stays as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); the previous file is unchanged"
        ) from error
    partial = Path(name)
    try:
        yield partial
        _flush(partial)
        partial.chmod(0o666 & ~_umask())
        os.replace(partial, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); the previous file is unchanged"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` durably; see `replacing` for what it raises."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text durably; see `replacing` for what it raises."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write JSON byte-deterministically: sorted keys, two spaces, a final newline, no NaN."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def remove_partials(folder: Path) -> None:
    """Delete what dead processes left behind in `folder`; their pid stands in the name.

    Call it before this process writes there: in a container the one before had the same pid.
    """
    for partial in folder.glob(f"{TEMP_PREFIX}*"):
        if not _is_another(partial.name.removeprefix(TEMP_PREFIX).split("-")[0]):
            with suppress(OSError):  # another user's file, or a read-only folder
                partial.unlink()


def _is_another(pid: str) -> bool:
    """Whether it is a living process other than this one."""
    if pid == str(os.getpid()):
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Some shared folders cannot do that (VirtualBox, older CIFS): the file is in its place, and safe when they say."""
    try:
        _flush(path)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
