"""Where the media of a data set lie: names and kinds of files; nothing is read."""

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from t2s.data.faults import MediaError
from t2s.data.safe_open import list_folder, open_regular
from t2s.data.sources.clip import Issue

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
FRAMES_NAME = "images%04d.png"
_FRAME = re.compile(r"images\d{4,}\.png")


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


def frame_names(root: Path, path: str) -> list[str]:
    """The numbered stills that `…/images%04d.png` stands for, in order; stray files among them are ignored.

    Raises MediaError when the folder is missing or cannot be reached safely.
    """
    return [name for name in list_folder(root, str(PurePosixPath(path).parent)) if _FRAME.fullmatch(name)]


def path_problem(root: Path, clip_id: str, path: str) -> Issue | None:
    """Why `path` under `root` cannot be a clip's media, by the rules preprocess opens it with; None when it can."""
    try:
        if PurePosixPath(path).name == FRAMES_NAME:
            if not frame_names(root, path):
                raise MediaError("missing", "the folder holds no frame images0001.png …")
        else:
            os.close(open_regular(root, path))
    except MediaError as error:
        return Issue(fault.reason, clip_id, path, fault.message)
    return None
