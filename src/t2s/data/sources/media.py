"""Where the media of a data set lie: names and kinds of files; nothing is read."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from t2s.data.faults import MediaError
from t2s.data.safe_open import open_regular
from t2s.data.sources.clip import Issue
from t2s.data.stills import is_still_pattern, still_paths

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".gif")


def index_media(root: Path) -> dict[str, str]:
    """Stem → path relative to `root`, over the whole tree; links to folders are not followed.

    Of several files with one stem mp4 goes before the other kinds, then the first by path.
    """
    found: dict[str, tuple[int, str]] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 (one Path per file is slow at 100,000 files)
            if suffix.lower() in VIDEO_SUFFIXES:
                relative = (Path(folder) / name).relative_to(root).as_posix()
                entry = (VIDEO_SUFFIXES.index(suffix.lower()), relative)
                found[stem] = min(entry, found.get(stem, entry))
    return {stem: relative for stem, (_, relative) in found.items()}


def first_indexed(index: Mapping[str, str], *stems: str) -> str | None:
    """The path of the first stem that exists."""
    return next((index[stem] for stem in stems if stem in index), None)


def media_state(root: Path, paths: Iterable[str]) -> dict[str, int | str]:
    """Files, bytes, and a digest of their names, sizes and times of change: another one once a file was replaced."""
    state, num_files, num_bytes = hashlib.sha256(), 0, 0
    for path in sorted(set(paths)):
        with suppress(MediaError, OSError):  # preprocess will say what is wrong with it
            for file in still_paths(root, path) if is_still_pattern(path) else [path]:
                found = (root / file).lstat()
                state.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
                num_files, num_bytes = num_files + 1, num_bytes + found.st_size
    return {"files": num_files, "bytes": num_bytes, "state": state.hexdigest()}


def below(root: Path, path: str) -> str:
    """An absolute path that begins with `root` as one relative to it; any other path as it is.

    Names are compared, nothing is looked up: what is left is opened by the same rules as every relative path.
    """
    try:
        return PurePosixPath(path).relative_to(root).as_posix() if path.startswith("/") else path
    except ValueError:
        return path


def path_problem(root: Path, clip_id: str, path: str) -> Issue | None:
    """Why `path` under `root` cannot be a clip's media, by the rules preprocess opens it with; None when it can."""
    try:
        if is_still_pattern(path):
            still_paths(root, path)
        else:
            os.close(open_regular(root, path))
    except MediaError as error:
        is_outside = error.reason == "path" and path.startswith("/")
        message = f"an absolute path; write it relative to {root}" if is_outside else error.message
        return Issue(error.reason, clip_id, path, message)
    return None
