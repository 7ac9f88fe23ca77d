"""What a media file says of itself, from its header alone. These are claims: preprocess decodes and believes frames."""

import os
from dataclasses import dataclass
from pathlib import Path

import av

from t2s.data.faults import MediaError
from t2s.data.media_file import CODECS, CONTAINERS, ffmpeg_errors
from t2s.data.safe_open import open_regular

_PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Header:
    """width, height: pixels as stored, before rotation. None = the header does not say."""

    width: int
    height: int
    fps: float | None
    duration_s: float | None


def probe_header(root: Path, path: str) -> Header:
    """Read the header of the video, or of the single PNG, at `path` under `root`; no frame is decoded for us.

    Raises:
        MediaError: missing, not a plain file under the root, or no video of a kind that is read.
    """
    handle = open_regular(root, path)
    try:
        if path.lower().endswith(".png"):
            return _png_header(os.read(handle, 24))
        return _video_header(handle)
    finally:
        os.close(handle)


def _video_header(handle: int) -> Header:
    # A nameless stream of bytes and lists of allowed kinds: nothing the file names can be opened in turn.
    options = {"format_whitelist": ",".join(CONTAINERS), "codec_whitelist": ",".join(CODECS)}
    with (
        ffmpeg_errors(),
        os.fdopen(handle, "rb", closefd=False) as file,
        av.open(file, metadata_errors="replace", options=options) as container,
    ):
        if not container.streams.video:
            raise MediaError("container", "the file holds no video")
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        if stream.duration is not None and stream.time_base is not None:
            duration_s: float | None = float(stream.duration * stream.time_base)
        else:
            duration_s = container.duration / av.time_base if container.duration is not None else None
        context = stream.codec_context
        if context is None or not context.width:
            raise MediaError("codec", "the header gives no picture size, or its codec is not read")
        return Header(context.width, context.height, float(rate) if rate else None, duration_s)


def _png_header(start: bytes) -> Header:
    if len(start) < 24 or not start.startswith(_PNG_START):
        raise MediaError("container", "not a PNG picture")
    return Header(int.from_bytes(start[16:20]), int.from_bytes(start[20:24]), None, None)
