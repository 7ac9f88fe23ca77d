"""Inspection: everything about a folder without decoding it, as JSON and as a table."""

import json

import cv2
import numpy as np
import pytest

from t2s.data.inspect import inspect_root
from t2s.data.inspect_table import format_table
from t2s.errors import UserError


@pytest.fixture
def asl_citizen(tmp_path, write_mp4):
    (tmp_path / "splits").mkdir()
    for split, signer in (("train", "P1"), ("val", "P2"), ("test", "P3")):
        lines = ["Participant ID,Video file,Gloss,ASL-LEX Code"]
        for take, gloss in enumerate(("HELLO", "BOOK", "BOOK")):
            name = f"{split}{take}.mp4"
            write_mp4(tmp_path / "videos" / name, num_frames=25 * (take + 1), size=(64, 48))
            lines.append(f"{signer},{name},{gloss},X")
        (tmp_path / "splits" / f"{split}.csv").write_text("\n".join(lines))
    (tmp_path / "videos" / "train0.mp4").unlink()
    (tmp_path / "videos" / "val0.mp4").write_bytes(b"not a video")
    return tmp_path


def test_counts_gaps_durations_and_licence(asl_citizen, make_config):
    found = inspect_root(asl_citizen, make_config(source="asl_citizen", root="/elsewhere", licence_acknowledged=True))
    assert (found.source, found.listed, found.usable, found.num_files) == ("asl_citizen", 9, 8, 8)
    assert found.splits == {"test": 3, "train": 2, "val": 3}
    assert found.signs == {"BOOK": 6, "HELLO": 2}
    assert found.signers == {"P2": 3, "P3": 3, "P1": 2}
    assert found.split_key == "signer"
    assert found.issue_counts == {"missing": 1}
    assert [(issue.clip_id, issue.kind) for issue in found.unreadable] == [("val0", "corrupt")]
    assert found.picture_sizes == {"64x48": 7}
    assert (found.durations.known, found.durations.shortest_s, found.durations.longest_s) == (7, 1.0, 3.0)
    assert found.stored_bytes == 8 * 16 * 64 * 64 * 3 * 2
    assert found.must_acknowledge  # that acknowledgement is for another folder
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_table_tells_a_person(asl_citizen, make_config):
    table = format_table(inspect_root(asl_citizen, make_config(root="/elsewhere")))
    for part in (
        "asl_citizen: splits/{train,val,test}.csv",
        "Microsoft Research License Terms",
        "data.licence_acknowledged: true",
        "9 listed, 8 usable",
        "test 3 · train 2 · val 3; no signer is in two of them",
        "BOOK 6 · HELLO 2",
        "train0, videos/train0.mp4: no such file",
        "1 unreadable",
        "64x48 7",
        "1.00 to 3.00 s",
        "disk needed     3.1 MB for 8 clips of 16x64x64; 7.9 MB at most, with what runs/ keeps to go on",
    ):
        assert part in table
    assert len(max(table.splitlines(), key=len)) < 200
    facts = table.split("\n\n")[0].splitlines()
    assert all(line[15] == " " and line[16] != " " for line in facts)  # a label never touches what was found


def test_only_so_many_headers_are_read(asl_citizen):
    assert inspect_root(asl_citizen, max_probes=2).probed_files == 2
    assert inspect_root(asl_citizen, max_probes=None).probed_files == 8


def test_the_configuration_of_this_very_folder_filters_and_splits(asl_citizen, make_config):
    config = make_config(source="asl_citizen", root=asl_citizen, signs=["hello"], split_key="video")
    found = inspect_root(asl_citizen, config)
    assert found.signs == {"HELLO": 2}
    assert found.split_key == "signer"  # one video per signer: the signers are apart too
    assert not found.must_acknowledge
    assert "after filters" in format_table(found)


def test_times_past_the_end_and_control_characters(tmp_path, write_mp4):
    write_mp4(tmp_path / "a.mp4", num_frames=25)
    rows = ["path,text,start,end,sign", "a.mp4,one,0,1,\x1b[31mred", "a.mp4,two,0.5,9,x", "a.mp4,three,7,,x"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    found = inspect_root(tmp_path)
    assert [(issue.clip_id, issue.kind) for issue in found.past_end] == [("a#2", "interval"), ("a#3", "interval")]
    assert found.stored_bytes is None
    assert found.split_key is None
    table = format_table(found)
    assert "9.00 s lies past the file's end at 1.00 s" in table
    assert "they will be made" in table
    assert "\x1b" not in table


def test_folders_of_stills(tmp_path):
    tables = tmp_path / "annotations" / "manual"
    tables.mkdir(parents=True)
    (tables / "PHOENIX-2014-T.train.corpus.csv").write_text("name|speaker|translation\nn1|Signer01|schnee\n")
    frames = tmp_path / "features/fullFrame-210x260px/train/n1"
    frames.mkdir(parents=True)
    for number in range(50):
        cv2.imwrite(str(frames / f"images{number + 1:04d}.png"), np.zeros((26, 21, 3), np.uint8))
    (frames / "profile").write_text("stray")
    found = inspect_root(tmp_path)
    assert found.picture_sizes == {"21x26": 1}
    assert found.durations.total_s == 2.0
    assert found.file_bytes == sum(path.stat().st_size for path in frames.glob("*.png"))


def test_many_issues_are_shown_in_part(tmp_path, write_mp4):
    write_mp4(tmp_path / "a.mp4", num_frames=2)
    (tmp_path / "manifest.csv").write_text("path,text\na.mp4,x\n" + "".join(f"gone{n}.mp4,x{n}\n" for n in range(9)))
    table = format_table(inspect_root(tmp_path))
    assert "missing: 9" in table
    assert "… 6 more (--json lists them all)" in table


def test_annotations_without_any_video(tmp_path):
    span = {"url": "http://e.org/x", "start_time": 0, "end_time": 1, "text": "x"}
    (tmp_path / "MSASL_train.json").write_text(json.dumps([span] * 5))
    found = inspect_root(tmp_path)
    assert (found.listed, found.usable, found.issue_counts, found.splits) == (5, 0, {"missing": 5}, {})
    assert "5 listed, 0 usable" in format_table(found)


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match="is empty"):
        inspect_root(tmp_path)
    (tmp_path / "readme.md").write_text("")
    with pytest.raises(UserError, match="no known layout"):
        inspect_root(tmp_path)
