"""Frames → files people can open: H.264 mp4, GIF, PNG; each carries its metadata and is the same bytes every time."""

import io
import json
import platform
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from t2s import atomic
from t2s.errors import UserError

Frames = npt.NDArray[np.uint8]

# Wider vector code gave other bytes now and then (docs/experiments.md). Of other processors x264 has no such name, and
# would run without any.
X264 = {"x264-params": "asm=sse2fast"} if platform.machine() in ("x86_64", "AMD64") else {}
_BT709 = 1  # the one code for matrix, primaries and transfer alike
_LIMITED_RANGE = 1
_MUXER_KEYS = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # FFmpeg writes these by itself


def write_mp4(
    path: Path, frames: Frames, fps: float, metadata: Mapping[str, str] | None = None, *, crf: int = 18
) -> None:
    """Write (F, H, W, 3) uint8 RGB as H.264, yuv420p, BT.709; an odd side is padded by one row or column of itself.

    crf: x264's quality, 0 lossless … 51; 18 is visually lossless.

    Raises:
        UserError: the file cannot be written.
    """
    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    rate = Fraction(fps).limit_denominator(1001)
    content = io.BytesIO()
    options = {"movflags": "use_metadata_tags", "fflags": "+bitexact"}
    with av.open(content, "w", format="mp4", options=options) as container:
        container.metadata.update(metadata or {})
        coding = {"crf": str(crf), "preset": "medium", **X264}
        stream = container.add_stream("libx264", rate=rate, options=coding)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        for position, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
            )
            frame.pts, frame.time_base = position, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    atomic.write_bytes(path, content.getvalue())


def write_gif(path: Path, frames: Frames, fps: float, metadata: Mapping[str, str] | None = None) -> None:
    """Write (F, H, W, 3) uint8 RGB as an endless GIF, 256 colours a frame; the metadata is a JSON comment.

    Raises:
        UserError: the file cannot be written.
    """
    ends_cs = [round(100 * (position + 1) / fps) for position in range(len(frames))]
    durations_ms = [10 * max(2, end - start) for start, end in zip([0, *ends_cs], ends_cs, strict=False)]
    pictures = [Image.fromarray(frame).quantize(256, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    content = io.BytesIO()
    pictures[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations_ms,
        loop=0,
        optimize=False,
        comment=json.dumps(dict(metadata or {}), ensure_ascii=False).encode(),
    )
    atomic.write_bytes(path, content.getvalue())


def write_png(path: Path, picture: Frames, metadata: Mapping[str, str] | None = None) -> None:
    """Write (H, W, 3) uint8 RGB as PNG; the metadata are its text chunks.

    Raises:
        UserError: the file cannot be written.
    """
    text = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        text.add_itxt(key, value)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", pnginfo=text)
    atomic.write_bytes(path, content.getvalue())


def read_media_metadata(path: Path) -> dict[str, str]:
    """The metadata that the writers above put into a file.

    Raises:
        UserError: no such file, or none of the three kinds.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".mp4":
            with av.open(io.BytesIO(content), format="mp4") as container:
                return {key: value for key, value in container.metadata.items() if key not in _MUXER_KEYS}
        with Image.open(io.BytesIO(content), formats=("GIF", "PNG")) as picture:
            if isinstance(picture, PngImagePlugin.PngImageFile):
                return {key: str(value) for key, value in picture.text.items()}
            comment = picture.info.get("comment", b"{}")
            return {str(key): str(value) for key, value in json.loads(comment).items()}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, UnidentifiedImageError, av.error.FFmpegError) as error:
        raise UserError(f"{path}: cannot be read as an mp4, GIF or PNG ({error})") from None
