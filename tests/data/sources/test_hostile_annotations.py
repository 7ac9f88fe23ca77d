"""Captions and annotation files that mean harm: each costs itself; none hangs, leads elsewhere or ends badly."""

import json
import os

import pytest

from t2s.data.inspect import inspect_root
from t2s.data.sources.clip import SourceReport
from t2s.data.sources.ms_asl import MsAsl
from t2s.data.sources.stem_pairs import StemPairs
from t2s.data.sources.wlasl import Wlasl
from t2s.errors import UserError

pytestmark = pytest.mark.timeout(60)  # a FIFO that is waited for never ends


@pytest.fixture
def pairs(tmp_path, write_mp4):
    for stem in ("good", "bad"):
        write_mp4(tmp_path / "mine" / f"{stem}.mp4", num_frames=2)
    (tmp_path / "mine" / "good.txt").write_text("hello")
    (tmp_path / "secret").write_text("not yours")
    return tmp_path / "mine"


@pytest.mark.parametrize("kind", ["fifo", "link out", "dangling", "endless", "folder"])
def test_a_caption_that_is_no_regular_file_costs_its_clip(pairs, kind):
    caption = pairs / "bad.txt"
    targets = {"link out": "../secret", "dangling": "nowhere", "endless": "/dev/zero"}
    if kind == "fifo":
        os.mkfifo(caption)
    elif kind == "folder":
        caption.mkdir()
    else:
        caption.symlink_to(targets[kind])
    report = SourceReport("folder")
    assert [(clip.clip_id, clip.text) for clip in StemPairs().read(pairs, None, report)] == [("good", "hello")]
    assert [(issue.kind, issue.clip_id) for issue in report.issues] in ([("path", "bad")], [("missing", "bad")])


def test_a_caption_too_large_to_be_one_costs_its_clip(pairs):
    with (pairs / "bad.txt").open("wb") as file:
        file.truncate(1 << 34)
    report = SourceReport("folder")
    assert [clip.clip_id for clip in StemPairs().read(pairs, None, report)] == ["good"]
    assert [issue.kind for issue in report.issues] == ["too_large"]


def test_a_fifo_among_tables_is_not_waited_for(pairs):
    (pairs / "bad.txt").write_text("bye")
    os.mkfifo(pairs / "notes.csv")
    assert inspect_root(pairs).source == "folder"


def test_names_that_are_no_text_are_reported_as_text(pairs):
    with open(os.fsencode(pairs) + b"/\xff.mp4", "wb"):  # noqa: PTH123 (a name of bytes)
        pass
    report = SourceReport("folder")
    list(StemPairs().read(pairs, None, report))
    json.dumps([vars(issue) for issue in report.issues], ensure_ascii=False).encode("utf-8")
    assert any("\\udcff" in issue.clip_id for issue in report.issues)


@pytest.mark.parametrize(
    "instances",
    [5, [{"video_id": "1", "split": "train", "frame_start": 1, "frame_end": float("inf")}], {"a": 1}],
)
def test_wlasl_entries_of_another_shape_are_reported(tmp_path, instances):
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": "book", "instances": instances}]))
    report = SourceReport("wlasl")
    assert not list(Wlasl().read(tmp_path, None, report))
    assert [issue.kind for issue in report.issues] == ["malformed"]


def test_an_address_that_is_none_is_reported(tmp_path):
    entry = {"url": "http://[bad", "start_time": 0.0, "end_time": 1.0, "text": "a", "label": 0, "signer_id": 1}
    (tmp_path / "MSASL_train.json").write_text(json.dumps([entry]))
    report = SourceReport("ms_asl")
    assert not list(MsAsl().read(tmp_path, None, report))
    assert [issue.kind for issue in report.issues] == ["malformed"]


def test_a_number_of_thousands_of_digits_is_one_line(tmp_path):
    (tmp_path / "WLASL_v0.3.json").write_text('[{"gloss": "a", "instances": [' + "9" * 5000 + "]}]")
    with pytest.raises(UserError, match=r"WLASL_v0\.3\.json: not a data set's JSON") as refusal:
        list(Wlasl().read(tmp_path, None, SourceReport("wlasl")))
    assert "\n" not in str(refusal.value)
