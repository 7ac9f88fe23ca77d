"""Tiny media and configurations for the tests of t2s.data."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from t2s.data.config import DataConfig

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


@pytest.fixture
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


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
