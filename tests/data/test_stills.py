"""Clips given as numbered pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from t2s.data.clip_reader import DecodedClip, media_digest, read_clip
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow

PATTERN = "train/name/images%04d.png"


@pytest.fixture
def folder(tmp_path: Path, test_card: Callable[..., np.ndarray]) -> Path:
    folder = tmp_path / "train" / "name"
    folder.mkdir(parents=True)
    for number, frame in enumerate(test_card(24), start=1):
        cv2.imwrite(str(folder / f"images{number:04d}.png"), frame[..., ::-1])
    (folder / "createDebugProfile.txt").write_text("stray", encoding="utf-8")
    (folder / "images.png.bak").write_text("stray", encoding="utf-8")
    return folder


@pytest.fixture
def read(tmp_path: Path, make_config: Callable[..., DataConfig]) -> Callable[..., DecodedClip]:
    def read(pattern: str = PATTERN, fps: float | None = 25.0, **changes: Any) -> DecodedClip:
        start_s, end_s = changes.pop("start_s", None), changes.pop("end_s", None)
        row = ManifestRow("c", pattern, "hello", "", "s", "train", start_s, end_s, None, fps, "CC0-1.0")
        return read_clip(tmp_path, row, make_config(**{"num_frames": 8, "image_size": 32, **changes}))

    return read


def test_pictures_are_frames(folder, read, shown_frames) -> None:
    clip = read()
    assert shown_frames(clip.pixels, 24) == [1, 4, 7, 10, 13, 16, 19, 22]
    assert clip.source_frames == 24
    assert clip.fps == pytest.approx(25 / 3)
    assert np.abs(clip.pixels[0][2, 2].astype(int) - (220, 40, 40)).max() <= 1


def test_numbers_may_start_at_0(folder, read, shown_frames) -> None:
    for number in range(1, 25):
        (folder / f"images{number:04d}.png").rename(folder / f"images{number - 1:04d}.png")
    assert shown_frames(read().pixels, 24) == [1, 4, 7, 10, 13, 16, 19, 22]


def test_an_interval_of_pictures(folder, read, shown_frames) -> None:
    assert shown_frames(read(start_s=0.32, end_s=0.64).pixels, 24) == list(range(8, 16))


def test_a_gap_is_named(folder, read) -> None:
    (folder / "images0007.png").unlink()
    with pytest.raises(MediaError, match="picture 7 of 24 is missing"):
        read()


@pytest.mark.timeout(10)
def test_a_stray_far_number_is_no_list_of_all_between(folder, read) -> None:
    (folder / "images99999999999999.png").touch()
    with pytest.raises(MediaError, match="picture 25 of 99999999999999 is missing"):
        read()


@pytest.mark.parametrize("pattern", ["train/none/images%04d.png", "train/name/frames%04d.png"])
def test_no_pictures_are_missing(folder, read, pattern) -> None:
    with pytest.raises(MediaError) as caught:
        read(pattern)
    assert caught.value.reason == "missing"


def test_pictures_without_a_rate_are_refused(folder, read) -> None:
    with pytest.raises(MediaError) as caught:
        read(fps=None)
    assert caught.value.reason == "timestamps"


def test_more_pictures_than_allowed_are_refused(folder, read, make_config) -> None:
    limits = make_config().decode.model_dump()
    assert read(decode=limits | {"max_frames": 24}).source_frames == 24
    with pytest.raises(MediaError, match=r"more pictures than data\.decode\.max_frames = 23"):
        read(decode=limits | {"max_frames": 23})


@pytest.mark.parametrize(
    "damage", [lambda png: png[: len(png) // 2], lambda png: b"", lambda png: png[:100] + b"x" + png[101:]]
)
def test_a_damaged_picture_is_named(folder, read, damage) -> None:
    path = folder / "images0008.png"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MediaError, match=r"images0008\.png") as caught:
        read()
    assert caught.value.reason == "corrupt"


def test_the_digest_covers_every_picture(folder, tmp_path) -> None:
    before = media_digest(tmp_path, PATTERN, limit_s=60.0)
    path = folder / "images0024.png"
    path.write_bytes(path.read_bytes() + b"x")
    assert media_digest(tmp_path, PATTERN, limit_s=60.0) != before
