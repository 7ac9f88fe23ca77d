"""Clips and pictures as data: URIs, small enough to stand inside a page."""

import base64
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from t2s.clips import enlarge, labelled
from t2s.data.encode import read_media_metadata, write_mp4
from t2s.errors import UserError
from t2s.report.blocks import Picture, Player, Verdict

Frames = npt.NDArray[np.uint8]

PANEL_PIXELS = 128  # height a panel is enlarged to, so that browsers need not
GAP = 4  # pixels between panels
CRF = 21
MAX_EMBEDDED_BYTES = 400_000
MAX_SHEET_WIDTH = 1000  # pixels


def player(
    title: str,
    panels: Sequence[tuple[str, Frames]],
    fps: float,
    remark: str = "",
    level: Verdict = "plain",
    about: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
) -> Player:
    """Clips (F, H, W, 3) of one length side by side in one H.264 video, so that they stay in step.

    about: metadata that the video carries beside its title. labels: of each panel, written into a strip below it.
    """
    strip = side_by_side([frames for _, frames in panels], labels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strip.mp4"
        write_mp4(path, strip, fps, {"title": title, **(about or {})}, crf=CRF)
        source = as_uri("video/mp4", path.read_bytes())
    height, width = strip.shape[1:3]
    return Player(title, source, width, height, [name for name, _ in panels], remark, level)


def embedded(path: Path) -> Player | None:
    """An mp4 as it is, titled by the prompt it carries; None when it is too large or cannot be read."""
    try:
        content = path.read_bytes()
        about = read_media_metadata(path)
        with av.open(io.BytesIO(content), format="mp4") as container:
            codec = container.streams.video[0].codec_context
            width, height = codec.width, codec.height
    except (OSError, UserError, IndexError, av.error.FFmpegError):
        return None
    if len(content) > MAX_EMBEDDED_BYTES:
        return None
    seed = f"generated, seed {about['seed']}" if "seed" in about else "generated"
    return Player(about.get("prompt", path.stem), as_uri("video/mp4", content), width, height, [seed])


def side_by_side(clips: Sequence[Frames], labels: Sequence[str] | None = None) -> Frames:
    """(F, H, W, 3) each → one (F, H', W', 3); a shorter clip waits on its last frame. labels: see `player`."""
    length = max(map(len, clips))
    columns: list[Frames] = []
    for clip, label in zip(clips, labels or [""] * len(clips), strict=True):
        scale = max(1, round(PANEL_PIXELS / clip.shape[1]))
        waiting = [clip[min(number, len(clip) - 1)] for number in range(length)]
        panel = enlarge(np.stack(waiting), scale)
        if labels:
            panel = labelled(panel, label)
        columns += [np.full((length, panel.shape[1], GAP, 3), 128, np.uint8), panel]
    height = min(column.shape[1] for column in columns)
    return np.concatenate([column[:, :height] for column in columns[1:]], axis=2)


def picture(path: Path, caption: str) -> Picture | None:
    """A picture file, made smaller and lighter; None when it cannot be read."""
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    image.thumbnail((MAX_SHEET_WIDTH, 4 * MAX_SHEET_WIDTH))
    content = io.BytesIO()
    image.save(content, "WEBP", quality=80)
    return Picture(caption, as_uri("image/webp", content.getvalue()), image.width, image.height)


def as_uri(media_type: str, content: bytes) -> str:
    """A data: URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
