import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from t2s.clips import MARK, MARK_HEIGHT
from t2s.data.encode import write_mp4, write_png
from t2s.report.inputs import read_inputs
from t2s.report.media import GAP, embedded, picture, player, side_by_side


def test_panels_stand_side_by_side_at_one_height() -> None:
    clips = [np.full((4, 32, 32, 3), value, np.uint8) for value in (10, 200)]
    strip = side_by_side(clips)
    assert strip.shape == (4, 128, 2 * 128 + GAP, 3)
    assert np.all(strip[:, :, :128] == 10) and np.all(strip[:, :, -128:] == 200)


def test_a_label_is_written_below_each_panel() -> None:
    clips = [np.zeros((4, 32, 32, 3), np.uint8)] * 2
    strip = side_by_side(clips, ["real", MARK])
    assert strip.shape == (4, 128 + MARK_HEIGHT, 2 * 128 + GAP, 3)
    assert not strip[:, :128, :128].any()
    below = strip[0, 128:, :128], strip[0, 128:, -128:]
    assert all(label.max() > 150 for label in below) and not np.array_equal(*below)


def test_a_shorter_clip_waits_on_its_last_frame() -> None:
    short = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((2, 128, 128, 3), np.uint8)
    strip = side_by_side([short, np.zeros((5, 128, 128, 3), np.uint8)])
    assert strip[:, 0, 0, 0].tolist() == [0, 1, 1, 1, 1]


def test_a_player_holds_a_whole_h264_file() -> None:
    made = player("hello", [("real", np.zeros((6, 64, 64, 3), np.uint8))] * 2, fps=8)
    prefix, _, content = made.source.partition(",")
    assert prefix == "data:video/mp4;base64"
    with av.open(io.BytesIO(base64.b64decode(content))) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, stream.frames) == (made.width, made.height, 6)
    assert made.alternative == "hello: real, real"


def test_an_mp4_is_embedded_with_its_prompt(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_mp4(path, np.zeros((3, 64, 48, 3), np.uint8), 8, {"prompt": "thank you", "seed": "7"})
    made = embedded(path)
    assert made is not None
    assert (made.title, made.panels, made.width, made.height) == ("thank you", ["generated, seed 7"], 48, 64)
    path.write_bytes(b"no video")
    assert embedded(path) is None
    assert embedded(tmp_path / "none.mp4") is None


def test_pictures_are_made_lighter(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, np.zeros((900, 3000, 3), np.uint8))
    made = picture(path, "Samples")
    assert made is not None
    with Image.open(io.BytesIO(base64.b64decode(made.source.partition(",")[2]))) as opened:
        assert opened.size == (made.width, made.height) == (1000, 300)
    path.write_bytes(b"\x89PNG\r\n")
    assert picture(path, "Samples") is None


def test_a_caption_with_a_line_separator_of_its_own_hides_no_clips(
    make_run: Callable[[int], Path], tmp_path: Path
) -> None:
    """U+2028 and U+0085 end a line for `str.splitlines`, not in a JSON lines file."""
    root = shutil.copytree(make_run(2), tmp_path / "run")
    index = root / "data/generated/index.jsonl"
    lines = [json.loads(line) for line in index.read_text("utf-8").split("\n")[:-1]]
    lines[0]["prompt"] = "one\u2028two\u0085three"
    index.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    generated = read_inputs(root).generated
    assert generated is not None
    assert generated.records[0].text("prompt") == "one\u2028two\u0085three"
