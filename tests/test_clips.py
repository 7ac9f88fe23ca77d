"""Clips as files: what goes in comes out, with a record of where it came from."""

import base64
import io
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from browser_checks import PLAYING
from PIL import Image

from t2s.clips import (
    CAPTION_MARGIN,
    CAPTION_SIZE,
    CAPTION_WIDTH,
    MARK,
    MARK_HEIGHT,
    Clips,
    Frames,
    caption_column,
    enlarge,
    labelled,
    publish_sheets,
)
from t2s.data.encode import read_media_metadata
from t2s.errors import UserError

FRAMES, SIZE, SCALE = 4, 16, 2
PROVENANCE = {
    "prompt": 'hello <b>"é"</b>',
    "signs": ["hello"],
    "num_steps": 12,
    "guidance_scale": 3.0,
    "fingerprint": "abc",
    "mlflow_run_id": None,
}


@pytest.fixture
def clips() -> Clips:
    """Two clips, each frame of each in a colour of its own."""
    colours = np.random.default_rng(0).integers(0, 256, (2, FRAMES, 1, 1, 3), dtype=np.uint8)
    return Clips(np.broadcast_to(colours, (2, FRAMES, SIZE, SIZE, 3)).copy(), 8.0, PROVENANCE, [7, 8])


def one(clips: Clips) -> Clips:
    return Clips(clips.frames[:1], clips.fps, clips.provenance, clips.seeds[:1])


def decoded(path: Path) -> Frames:
    """(F, H, W, 3) uint8 RGB of an mp4, GIF or PNG."""
    if path.suffix == ".png":
        return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))[None]
    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def picture(frames: Frames) -> Frames:
    """Without the strip."""
    return frames[:, : SCALE * SIZE]


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize(("suffix", "tolerance"), [("mp4", 6), ("gif", 6)])
def test_a_saved_clip_shows_the_same_frames(
    tmp_path: Path, clips: Clips, suffix: str, tolerance: int, mark: bool
) -> None:
    (path,) = one(clips).save(tmp_path / f"clip.{suffix}", mark=mark, scale=SCALE)
    found = decoded(path)
    assert found.shape == (FRAMES, SCALE * SIZE + (MARK_HEIGHT if mark else 0), SCALE * SIZE, 3)
    expected = enlarge(clips.frames[0], SCALE)
    assert np.abs(picture(found).astype(int) - expected).max() <= tolerance


def test_a_contact_sheet_shows_time_from_left_to_right(tmp_path: Path, clips: Clips) -> None:
    (path,) = one(clips).save(tmp_path / "clip.png", scale=SCALE)
    sheet = decoded(path)[0]
    assert sheet.shape == (SCALE * SIZE + MARK_HEIGHT, FRAMES * SCALE * SIZE, 3)
    for number, frame in enumerate(clips.frames[0]):
        assert np.array_equal(sheet[SIZE, number * SCALE * SIZE + SIZE], frame[0, 0])


def test_the_mark_is_a_readable_strip_below_the_picture(clips: Clips) -> None:
    wide = np.full((2, 16, 128, 3), 90, np.uint8)
    strip = labelled(wide, MARK)[:, 16:]
    assert strip.shape == (2, MARK_HEIGHT, 128, 3)
    assert strip.min() < 40 and strip.max() > 200
    assert np.array_equal(labelled(wide, MARK)[:, :16], wide)
    assert not np.array_equal(strip, labelled(wide, "something else")[:, 16:])


@pytest.mark.parametrize("suffix", ["mp4", "gif", "png"])
@pytest.mark.parametrize("mark", [True, False])
def test_every_file_carries_its_provenance_marked_or_not(tmp_path: Path, clips: Clips, suffix: str, mark: bool) -> None:
    for number, path in enumerate(clips.save(tmp_path / f"clip.{suffix}", mark=mark, scale=SCALE)):
        found = read_media_metadata(path)
        assert path.name == f"clip-{number}.{suffix}"
        assert found == clips.metadata(number)
        assert (found["seed"], found["note"], found["signs"]) == (str(7 + number), MARK, '["hello"]')
        assert (found["prompt"], found["mlflow_run_id"]) == (PROVENANCE["prompt"], "null")
        assert found["software"].startswith("t2s ")


@pytest.mark.parametrize("suffix", ["mp4", "gif", "png"])
def test_the_same_clip_gives_the_same_bytes(tmp_path: Path, clips: Clips, suffix: str) -> None:
    first, second = (one(clips).save(tmp_path / f"{name}.{suffix}")[0].read_bytes() for name in "ab")
    assert first == second


def test_a_sheet_of_several_clips_names_all_seeds(tmp_path: Path, clips: Clips) -> None:
    clips.save_sheet(tmp_path / "sheet.png", scale=1, max_columns=3)
    sheet = decoded(tmp_path / "sheet.png")[0]
    assert sheet.shape == (2 * SIZE + MARK_HEIGHT, 3 * SIZE, 3)
    assert np.array_equal(sheet[SIZE, 0], clips.frames[1, 0, 0, 0])
    assert np.array_equal(sheet[0, -1], clips.frames[0, -1, 0, 0])
    assert read_media_metadata(tmp_path / "sheet.png")["seed"] == "[7, 8]"


@pytest.mark.parametrize("mark", [True, False])
def test_a_sheet_is_marked_or_not_as_asked(tmp_path: Path, clips: Clips, mark: bool) -> None:
    strip = MARK_HEIGHT if mark else 0
    (path,) = one(clips).save(tmp_path / "clip.png", mark=mark, scale=SCALE)
    assert decoded(path)[0].shape == (SCALE * SIZE + strip, FRAMES * SCALE * SIZE, 3)
    clips.save_sheet(tmp_path / "sheet.png", mark=mark, scale=1)
    assert decoded(tmp_path / "sheet.png")[0].shape == (2 * SIZE + strip, FRAMES * SIZE, 3)
    assert read_media_metadata(tmp_path / "sheet.png")["note"] == MARK


def test_captions_stand_left_of_their_rows_and_change_no_clip(tmp_path: Path, clips: Clips) -> None:
    clips.save_sheet(tmp_path / "bare.png")
    clips.save_sheet(tmp_path / "named.png", captions=["hello", "thank you"])
    bare, named = (decoded(tmp_path / f"{name}.png")[0] for name in ("bare", "named"))
    width = named.shape[1] - bare.shape[1]
    assert 20 < width <= CAPTION_WIDTH + 2 * CAPTION_MARGIN
    assert np.array_equal(named[: 4 * SIZE, width:], bare[: 4 * SIZE])
    first, second = named[: 2 * SIZE, :width], named[2 * SIZE : 4 * SIZE, :width]
    assert first.max() > 200 and second.max() > 200 and not np.array_equal(first, second)
    assert read_media_metadata(tmp_path / "named.png") == read_media_metadata(tmp_path / "bare.png")


@pytest.mark.parametrize("height", [4, 16, 128])
@pytest.mark.parametrize(
    "text",
    ["", " ", "a\nb\tc", "guten Tag, schöne Grüße", "你好", "مرحبا", "👋🏽", "\ud800", "\x00\u202e", "long " * 900],
)
def test_a_caption_of_any_script_and_length_has_its_row(text: str, height: int) -> None:
    column = caption_column([text, "hello"], height)
    assert column.shape[0] == 2 * height
    assert column.shape[1] <= CAPTION_WIDTH + 2 * CAPTION_MARGIN


def test_letters_with_marks_are_drawn_and_no_boxes() -> None:
    drawn = [caption_column([text], 32) for text in ("Süden", "Sëden", "Sжden")]
    assert not any(np.array_equal(one, other) for one, other in pairwise(drawn))


def test_a_long_caption_is_cut_where_a_reader_sees_it() -> None:
    text = "the weather will be fine in the north"
    cut = caption_column([f"{text} and the east"], 32)
    assert np.array_equal(cut, caption_column([f"{text} and the west"], 32))  # the cut is before the difference
    assert cut.shape[1] > CAPTION_WIDTH - 2 * CAPTION_SIZE


def test_published_sheets_are_those_of_this_training_alone(tmp_path: Path, clips: Clips) -> None:
    (tmp_path / "drawn").mkdir()
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "epoch-099.png").write_bytes(b"of an earlier training")
    (tmp_path / "drawn" / ".t2s-partial-1-x.png").write_bytes(b"half, of a killed one")
    clips.save_sheet(tmp_path / "drawn" / "epoch-005.png")
    publish_sheets(tmp_path / "drawn", tmp_path / "shown")
    (shown,) = (tmp_path / "shown").iterdir()
    assert shown.read_bytes() == (tmp_path / "drawn" / "epoch-005.png").read_bytes()


@pytest.mark.parametrize("name", ["clip.avi", "clip", "clip.mp4.txt"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, clips: Clips, name: str) -> None:
    with pytest.raises(UserError, match=r"suffix must be one of \.mp4, \.gif, \.png"):
        clips.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_notebook_gets_a_player_for_every_clip_and_no_markup_of_the_prompt(clips: Clips) -> None:
    shown = clips._repr_html_()
    videos = re.findall(r'src="data:video/mp4;base64,([^"]+)"', shown)
    assert len(videos) == shown.count("<video") == 2
    assert base64.b64decode(videos[0])[4:8] == b"ftyp"
    assert "<b>" not in shown and "hello &lt;b&gt;" in shown
    assert MARK in shown


@pytest.mark.browser
def test_the_player_of_a_notebook_plays(open_page: Callable[..., Any], tmp_path: Path, clips: Clips) -> None:
    page = tmp_path / "cell.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{clips._repr_html_()}", "utf-8")
    driver = open_page(page.as_uri())
    found = driver.execute_async_script(PLAYING)
    assert len(found) == 2
    assert all(video["time"] > 0.1 and video["error"] is None for video in found)


def test_model_space_becomes_8_bits_rounded_and_clipped() -> None:
    values = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]).view(1, 1, 6, 1, 1).expand(1, 3, 6, 2, 2)
    clips = Clips.from_model(values, 8.0, {}, [0])
    assert clips.frames.shape == (1, 6, 2, 2, 3)
    assert clips.frames[0, :, 0, 0, 0].tolist() == [0, 0, 128, 191, 255, 255]
