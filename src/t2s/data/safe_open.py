"""Opening media without being led elsewhere: regular files under one root, no links, no waiting."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from t2s.data.faults import MediaError


def open_regular(root: Path, path: str) -> int:
    """Open `root/path` for reading; returns a file descriptor that the caller closes.

    Every folder on the way is opened relative to the one before and without following links, so neither `..`, a
    symbolic link nor a race can lead out of `root`; O_NONBLOCK keeps a FIFO from hanging the open.

    Raises:
        MediaError: `missing` or `path`.
    """
    parts = _parts(path)
    if not parts:
        raise MediaError("path", "not a usable file name")
    with _folder(root, parts[:-1]) as folder:
        handle = _open(parts[-1], os.O_NONBLOCK | os.O_NOFOLLOW, folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise MediaError("path", "not a regular file")
    return handle


def read_regular(path: Path, most: int) -> bytes:
    """What a regular file holds; neither a link nor a FIFO in its place is followed or waited for.

    Raises:
        MediaError: `missing` or `path`, or `too_large`: more than `most` bytes.
    """
    with os.fdopen(open_regular(path.parent, path.name), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise MediaError("too_large", f"more than {most:,} bytes")
        return file.read(size)


def list_folder(root: Path, path: str) -> list[str]:
    """The names in the folder `root/path`, sorted, reached under the same rules as `open_regular`."""
    with _folder(root, _parts(path)) as folder:
        return sorted(os.listdir(folder))  # noqa: PTH208 (of a descriptor)


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if path.startswith("/"):
        raise MediaError("path", "an absolute path; write it relative to the data set's folder")
    if ".." in parts:
        raise MediaError("path", "the path leaves the data set's folder")
    if "\0" in path:
        raise MediaError("path", "not a usable file name")
    return parts


@contextmanager
def _folder(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    folder = _open(str(root), os.O_DIRECTORY)
    try:
        for part in parts:
            inner = _open(part, os.O_DIRECTORY | os.O_NOFOLLOW, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open(name: str, flags: int, folder: int | None = None) -> int:
    """As it is written, or with its accents composed or apart: a Mac's file names have them apart, lists do not."""
    try:
        for written in dict.fromkeys([name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]):
            with suppress(FileNotFoundError):
                return os.open(written, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=folder)
        raise FileNotFoundError(name)
    except FileNotFoundError:
        hint = "; folders are separated by /, not by \\" if "\\" in name else ""
        raise MediaError("missing", f"no such file{hint}") from None
    except NotADirectoryError:
        raise MediaError("path", "a folder on the way is a symbolic link or no folder") from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # what O_NOFOLLOW says of a link
            raise MediaError("path", "a symbolic link; put the file itself into the data set's folder") from None
        raise MediaError("path", f"cannot be opened ({error.strerror})") from None
