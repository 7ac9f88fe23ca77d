"""OpenASL's layout: a vid with colons, boxes in fractions, cropped clips against full videos."""

import json

import pytest

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.openasl import OpenAsl

HEADER = "vid\tyid\tstart\tend\traw-text\ttokenized-text\tgloss\tsplit"
VID = "0Ev5Nn-00:00:05.839-00:01:09.250"


def row(vid=VID, start="00:00:05.839", end="00:01:09.250", text='Hello, "you"', split="train"):
    return "\t".join([vid, "0Ev5Nn", start, end, text, "hello you", "", split])


@pytest.fixture
def root(tmp_path):
    rows = [HEADER, row(), row("b", text="NA", split="valid"), row("c", split="other"), row("d", start="x")]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "openasl-v1.0.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "data" / "bbox-v1.0.json").write_text(json.dumps({VID: [0.25, 0.125, 0.75, 1.0], "b": [0, 0, 0, 0]}))
    return tmp_path


def read(root):
    report = SourceReport("openasl")
    return list(OpenAsl().read(root, None, report)), report


def test_spans_of_full_videos_with_their_box(root, write_mp4):
    assert OpenAsl().detect(root)
    write_mp4(root / "raw-video" / "0Ev5Nn.mp4", size=(64, 48))
    clips, report = read(root)
    assert [(clip.clip_id, clip.path, clip.split, clip.text) for clip in clips] == [
        (VID, "raw-video/0Ev5Nn.mp4", "train", 'Hello, "you"'),
        ("b", "raw-video/0Ev5Nn.mp4", "val", "NA"),
    ]
    assert (clips[0].start_s, clips[0].end_s) == (5.839, 69.25)
    assert (clips[0].box, clips[1].box) == ((16, 6, 48, 48), None)
    assert {(clip.video, clip.signer) for clip in clips} == {("0Ev5Nn", "")}
    assert report.counts() == {"malformed": 2}


@pytest.mark.parametrize("stand", [":", "%", "_", "-"])
def test_a_cropped_clip_is_used_whole_whatever_stands_for_the_colons(root, write_mp4, stand):
    write_mp4(root / "video-clip" / f"{VID.replace(':', stand)}.mp4")
    clip = read(root)[0][0]
    assert clip.path == f"video-clip/{VID.replace(':', stand)}.mp4"
    assert (clip.clip_id, clip.start_s, clip.end_s, clip.box) == (VID, None, None, None)


def test_without_boxes(root):
    (root / "data" / "bbox-v1.0.json").unlink()
    clips, report = read(root)
    assert {clip.box for clip in clips} == {None}
    assert report.notes == ["no bbox-v1.0.json: clips are not cropped to the signer"]
