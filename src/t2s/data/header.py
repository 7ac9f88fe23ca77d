"""What a media file says of itself. These are claims: preprocess decodes all frames and believes those alone."""

import os
from dataclasses import dataclass
from pathlib import Path

from t2s.data.faults import MediaError
from t2s.data.media_file import opened
from t2s.data.pixels import display_matrix, is_crossed
from t2s.data.safe_open import open_regular

_PNG_START = b"\x89PNG\r\n\x1a\n"
_ANY_SIZE = 2**31 - 1  # pixels; what a decoder may take for them is limited where it runs


@dataclass(frozen=True)
class Header:
    """width, height: pixels as shown, after the display matrix. None = the header does not say."""

    width: int
    height: int
    fps: float | None
    duration_s: float | None


def probe_header(root: Path, path: str) -> Header:
    """Read the header of the video, or of the single PNG, at `path` under `root`; of a video the first frame as well.

    A file may make this slow, or end the process: `header_process.HeaderProcess` does it in another.

    Raises:
        MediaError: missing, not a plain file under the root, or no video of a kind that is read.
    """
    handle = open_regular(root, path)
    try:
        if path.lower().endswith(".png"):
            return _png_header(os.read(handle, 24))
        with opened(handle, _ANY_SIZE) as media:
            (width, height), fps, duration_s = media.size, media.fps, media.length_s
        if _is_turned(handle):
            width, height = height, width
        return Header(width, height, fps, duration_s)
    finally:
        os.close(handle)


def _is_turned(handle: int) -> bool:
    """Whether width and height change places. PyAV hands out the display matrix with frames only."""
    try:
        with opened(handle, _ANY_SIZE) as media:
            return is_crossed(display_matrix(next(media.frames())))
    except (MediaError, StopIteration):  # preprocess will say what is wrong with it
        return False


def _png_header(start: bytes) -> Header:
    if len(start) < 24 or not start.startswith(_PNG_START):
        raise MediaError("container", "not a PNG picture")
    return Header(int.from_bytes(start[16:20]), int.from_bytes(start[20:24]), None, None)
