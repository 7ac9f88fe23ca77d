"""Frames → files and back."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from t2s.data.clip_reader import read_clip
from t2s.data.encode import read_media_metadata, write_gif, write_mp4, write_png
from t2s.data.manifest import ManifestRow
from t2s.errors import UserError

METADATA = {"prompt": "thank you <b>\n", "seed": "3", "note": "AI-generated", "licence": "CC0-1.0 · ü 👋"}


@pytest.fixture
def frames(test_card: Callable[..., np.ndarray]) -> np.ndarray:
    return test_card(12, 64, 48)


def read_back(path: Path, make_config) -> tuple[np.ndarray, float]:
    row = ManifestRow("c", path.name, "t", "", "s", "train", None, None, None, None, "l")
    clip = read_clip(path.parent, row, make_config(num_frames=12, image_size=48))
    return clip.pixels, clip.fps


@pytest.mark.parametrize(("write", "name"), [(write_mp4, "a.mp4"), (write_gif, "a.gif")])
@pytest.mark.parametrize("fps", [8.0, 12.5, 23.976])
def test_frames_come_back(write, name, fps, frames, tmp_path, make_config, shown_frames) -> None:
    write(tmp_path / name, frames, fps, METADATA)
    pixels, found_fps = read_back(tmp_path / name, make_config)
    assert shown_frames(pixels, 12) == list(range(12))
    assert found_fps == pytest.approx(fps, rel=0.01)
    corner = pixels[5][2, 2].astype(int)
    assert np.abs(corner - (220, 40, 40)).max() <= 8


@pytest.mark.parametrize(("write", "name"), [(write_mp4, "a.mp4"), (write_gif, "a.gif")])
def test_the_same_bytes_twice(write, name, frames, tmp_path) -> None:
    write(tmp_path / name, frames, 8.0, METADATA)
    first = (tmp_path / name).read_bytes()
    write(tmp_path / name, frames, 8.0, METADATA)
    assert (tmp_path / name).read_bytes() == first


def test_metadata_come_back(frames, tmp_path) -> None:
    write_mp4(tmp_path / "a.mp4", frames, 8.0, METADATA)
    write_gif(tmp_path / "a.gif", frames, 8.0, METADATA)
    write_png(tmp_path / "a.png", frames[0], METADATA)
    for name in ("a.mp4", "a.gif", "a.png"):
        assert read_media_metadata(tmp_path / name) == METADATA, name


def test_without_metadata(frames, tmp_path) -> None:
    write_mp4(tmp_path / "a.mp4", frames, 8.0)
    write_gif(tmp_path / "a.gif", frames, 8.0)
    write_png(tmp_path / "a.png", frames[0])
    assert [read_media_metadata(tmp_path / f"a.{kind}") for kind in ("mp4", "gif", "png")] == [{}, {}, {}]


def test_browsers_can_play_it(frames, tmp_path) -> None:
    write_mp4(tmp_path / "a.mp4", frames[:, :47, :63], 8.0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (64, 48)
        assert context.colorspace == 1


def test_a_png_holds_the_picture_as_it_is(frames, tmp_path) -> None:
    cv2 = pytest.importorskip("cv2")
    write_png(tmp_path / "a.png", frames[0])
    assert (cv2.imread(str(tmp_path / "a.png"))[..., ::-1] == frames[0]).all()


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png"])
def test_what_cannot_be_read_is_one_clear_line(name, tmp_path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_media_metadata(tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="cannot be read"):
        read_media_metadata(tmp_path / name)


def test_a_folder_that_cannot_be_written_is_one_clear_line(frames, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        write_mp4(tmp_path / "file" / "a.mp4", frames, 8.0)
