"""Tiny media and configurations for the tests of t2s.data."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from t2s.data.config import DataConfig

Frames = npt.NDArray[np.uint8]

CONFIG: dict[str, Any] = {
    "source": "manifest",
    "root": "unused",
    "subset": None,
    "split_key": "given",
    "val_fraction": 0.1,
    "test_fraction": 0.1,
    "signs": None,
    "max_clips": None,
    "min_clips_per_sign": 1,
    "licence_acknowledged": True,
    "max_quarantine_fraction": 0.05,
    "num_frames": 16,
    "image_size": 64,
    "sampling": "uniform",
    "fps": 8.0,
    "crop": "none",
    "clips_per_shard": 128,
    "max_caption_length": 1000,
    "decode": {
        "time_s": 60.0,
        "memory_mib": 1024,
        "max_pixels": 4_000_000,
        "max_frames": 4000,
        "end_tolerance_s": 0.5,
    },
    "checks": {
        "min_clips_per_split": {"train": 1, "val": 0, "test": 1},
        "min_clips_per_sign": {"train": 1, "val": 0, "test": 1},
        "outlier_deviations": 6.0,
    },
}


@pytest.fixture(scope="session")
def make_config() -> Callable[..., DataConfig]:
    """DataConfig with the given keys changed."""
    return lambda **changes: DataConfig.model_validate(CONFIG | {k: _plain(v) for k, v in changes.items()})


@pytest.fixture
def write_mp4() -> Callable[..., Path]:
    """Write a small real video of grey frames and return its path; parents are made."""

    def write(path: Path, num_frames: int = 8, fps: int = 25, size: tuple[int, int] = (32, 32)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = size
        with av.open(str(path), "w", format="gif" if path.suffix == ".gif" else "mp4") as container:
            stream = container.add_stream("gif" if path.suffix == ".gif" else "mpeg4", rate=fps)
            stream.width, stream.height = width, height
            stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
            stream.time_base = Fraction(1, 100 if path.suffix == ".gif" else fps)
            for index in range(num_frames):
                frame = av.VideoFrame.from_ndarray(
                    np.full((height, width, 3), 8 * index % 256, np.uint8), format="rgb24"
                )
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def test_card() -> Callable[..., Frames]:
    """Frames (F, H, W, 3) that show where up and left are, and by the grey in their middle which one they are.

    Quarters: red | green over blue | white. The middle: `card_level(k)`.
    """

    def draw(num_frames: int = 24, width: int = 96, height: int = 64) -> Frames:
        card = np.zeros((num_frames, height, width, 3), np.uint8)
        top, left = height // 2, width // 2
        card[:, :top, :left] = 220, 40, 40
        card[:, :top, left:] = 40, 200, 40
        card[:, top:, :left] = 40, 40, 220
        card[:, top:, left:] = 235, 235, 235
        for k in range(num_frames):
            card[k, height // 4 : -(height // 4), width // 4 : -(width // 4)] = card_level(k, num_frames)
        return card

    return draw


def card_level(k: int, num_frames: int) -> int:
    """The grey in the middle of frame k of a test card."""
    return round(30 + 200 * k / max(1, num_frames - 1))


@pytest.fixture
def shown_frames() -> Callable[..., list[int]]:
    """Which frames of a test card of `num_frames` the pictures (F, H, W, 3) show, by the grey in their middle."""

    def read(pictures: Sequence[npt.NDArray[Any]], num_frames: int) -> list[int]:
        centres = [
            float(np.mean(p[p.shape[0] // 2 - 4 : p.shape[0] // 2 + 4, p.shape[1] // 2 - 4 :][:, :8])) for p in pictures
        ]
        levels = np.array([card_level(k, num_frames) for k in range(num_frames)])
        return [int(np.abs(levels - centre).argmin()) for centre in centres]

    return read


@pytest.fixture
def encode_video() -> Callable[..., Path]:
    """Write frames (F, H, W, 3) with PyAV as whatever is asked for.

    ticks: the presentation time of each frame in 1/1000 s (default: frame k at k/fps).
    prepare: called with the stream before the first frame. audio_first: a silent sound stream 0.
    """

    def encode(
        path: Path,
        frames: Frames,
        *,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        fps: int = 25,
        ticks: Sequence[int] | None = None,
        options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
        format_name: str | None = None,
        prepare: Callable[[Any], None] = lambda stream: None,
        audio_first: bool = False,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format=format_name, options=muxer or {}) as container:
            if audio_first:
                sound = container.add_stream("aac", rate=8000, layout="mono")
            stream = container.add_stream(codec, rate=fps, options=options or {})
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = pix_fmt
            if ticks is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            prepare(stream)
            if audio_first:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
                silence.sample_rate = 8000
                container.mux(sound.encode(silence))
            for k, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.shape[-1] == 3 else "rgba")
                frame.time_base = Fraction(1, fps) if ticks is None else Fraction(1, 1000)
                frame.pts = k if ticks is None else ticks[k]
                container.mux(stream.encode(frame.reformat(format=pix_fmt)))
            container.mux(stream.encode(None))
            if audio_first:
                container.mux(sound.encode(None))
        return path

    return encode


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
