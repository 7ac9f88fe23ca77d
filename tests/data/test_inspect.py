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
    assert (found.source, found.listed, found.usable, found.num_files) == ("asl_citizen", 9, 7, 8)
    assert found.splits == {"test": 3, "train": 2, "val": 2}
    assert found.signs == {"BOOK": 6, "HELLO": 1}
    assert found.signers == {"P3": 3, "P1": 2, "P2": 2}
    assert found.split_key == "signer"
    assert found.issue_counts == {"missing": 1}
    assert [(issue.clip_id, issue.kind) for issue in found.unreadable] == [("val0", "corrupt")]
    assert found.picture_sizes == {"64x48": 7}
    assert (found.durations.known, found.durations.shortest_s, found.durations.longest_s) == (7, 1.0, 3.0)
    assert found.stored_bytes == 7 * 16 * 64 * 64 * 3 * 2
    assert found.must_acknowledge  # that acknowledgement is for another folder
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_table_tells_a_person(asl_citizen, make_config):
    table = format_table(inspect_root(asl_citizen, make_config(root="/elsewhere")))
    for part in (
        "asl_citizen: splits/{train,val,test}.csv",
        "Microsoft Research License Terms",
        "data.licence_acknowledged: true",
        "9 listed, 7 usable, as far as captions, times and the first frames of all 8 files tell",
        "preprocess will stop: 22.2 % > 5 % (data.max_quarantine_fraction)",
        "test 3 · train 2 · val 2; no signer is in two of them",
        "BOOK 6 · HELLO 1",
        "train0, videos/train0.mp4: no such file",
        "1 unreadable",
        "64x48 7",
        "1.00 to 3.00 s",
        "disk needed     2.8 MB for 7 clips of 16x64x64; 6.9 MB at most, with what runs/ keeps to go on",
    ):
        assert part in table
    assert len(max(table.splitlines(), key=len)) < 200
    facts = table.split("\n\n")[0].splitlines()
    assert all(line[15] == " " and line[16] != " " for line in facts)  # a label never touches what was found


def test_only_so_many_headers_are_read(asl_citizen):
    assert inspect_root(asl_citizen, max_probes=2).probed_files == 2
    assert inspect_root(asl_citizen, max_probes=None).probed_files == 8


def test_a_sign_that_lost_its_train_clips_is_told_before_anything_is_decoded(asl_citizen, make_config):
    """HELLO's train clip vanished: preprocess would take its hours, and validate then stop."""
    config = make_config(source="asl_citizen", root=asl_citizen, licence_acknowledged=True, split_key="given")
    found = inspect_root(asl_citizen, config)
    assert found.short_of_clips == {"train": ["HELLO"]}
    said = "validate will stop: 1 sign in train, HELLO (data.checks.min_clips_per_sign)"
    assert said in format_table(found)
    nothing_asked = config.checks.min_clips_per_sign.model_copy(update={"train": 0})
    checks = config.checks.model_copy(update={"min_clips_per_sign": nothing_asked})
    lax = config.model_copy(update={"checks": checks})
    assert inspect_root(asl_citizen, lax).short_of_clips == inspect_root(asl_citizen).short_of_clips == {}


def test_the_configuration_of_this_very_folder_filters_and_splits(asl_citizen, make_config):
    config = make_config(source="asl_citizen", root=asl_citizen, signs=["hello"], split_key="video")
    found = inspect_root(asl_citizen, config)
    assert found.signs == {"HELLO": 1}  # one is missing, one no video
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


@pytest.mark.parametrize(("tolerance_s", "late"), [(0.0, ["a", "a#2"]), (0.5, ["a#2"]), (5.0, [])])
def test_times_past_the_end_are_judged_as_preprocess_will(tmp_path, write_mp4, make_config, tolerance_s, late):
    write_mp4(tmp_path / "a.mp4", num_frames=25)
    (tmp_path / "manifest.csv").write_text("path,text,start,end\na.mp4,one,0,1.2\na.mp4,two,0,4\n")
    config = make_config(source="manifest", root=tmp_path)
    config = config.model_copy(update={"decode": config.decode.model_copy(update={"end_tolerance_s": tolerance_s})})
    assert [issue.clip_id for issue in inspect_root(tmp_path, config).past_end] == late


def test_what_preprocess_refuses_by_its_line_is_not_usable(tmp_path, write_mp4, make_config):
    write_mp4(tmp_path / "a.mp4", num_frames=25)
    rows = ["a.mp4,good,0,0.9", "a.mp4,,0,0.9", "a.mp4,ends before,0.5,0.2", "a.mp4,ends at once,0.5,0.5"]
    rows += [f"a.mp4,{'long' * 9},0,0.9", "a.mp4,early,-1,0.9"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,text,start,end", *rows]))
    found = inspect_root(tmp_path, make_config(root="/elsewhere", max_caption_length=20))
    assert (found.listed, found.usable, found.issue_counts) == (6, 1, {"malformed": 1})
    assert [(issue.clip_id, issue.kind) for issue in found.refused] == [
        ("a#2", "caption"), ("a#3", "interval"), ("a#4", "interval"), ("a#5", "caption"),
    ]  # fmt: skip
    table = format_table(found)
    assert "a#3, a.mp4: the clip ends at 0.200 s, not after its start, 0.500 s" in table
    assert "caption: 2" in table
    boxed = inspect_root(tmp_path, make_config(root="/elsewhere", crop="box"))
    assert [issue.message for issue in boxed.refused if issue.kind == "box"]
    unconfigured = inspect_root(tmp_path)
    assert (unconfigured.usable, unconfigured.max_quarantine_fraction) == (2, None)
    assert "preprocess will stop" not in format_table(unconfigured)


@pytest.mark.parametrize(("probes", "said"), [(None, "7.69 % > 5 %"), (9, "at least 7.69 % > 5 %"), (8, None)])
def test_that_preprocess_will_stop_is_said_before_it_does(tmp_path, write_mp4, make_config, probes, said):
    """12 good files and one that is none; it is the ninth that is looked at: before, nothing is claimed."""
    for number in range(12):
        write_mp4(tmp_path / f"{number}.mp4", num_frames=3)
    (tmp_path / "bad.mp4").write_bytes(b"not a video")
    names = [*map(str, range(12)), "bad"]
    (tmp_path / "manifest.csv").write_text("path,text\n" + "".join(f"{name}.mp4,w{name}\n" for name in names))
    found = inspect_root(tmp_path, make_config(root="/elsewhere"), max_probes=probes)
    assert found.usable == (13 if said is None else 12)
    table = format_table(found)
    assert ("preprocess will stop" in table) == (said is not None)
    assert f"first frames of {'all 13' if probes is None else f'{probes} of 13'} files tell" in table
    assert said is None or f"preprocess will stop: {said} (data.max_quarantine_fraction)" in table


def test_lines_that_cannot_be_read_count_as_preprocess_counts_them(tmp_path, write_mp4, make_config):
    lines = []
    for number in range(10):
        write_mp4(tmp_path / f"{number}.mp4", num_frames=3)
        lines.append(f"{number}.mp4,word {number % 5},")
    lines[-1] += "soon"
    (tmp_path / "manifest.csv").write_text("\n".join(["path,text,end", *lines]))
    found = inspect_root(tmp_path, make_config(root=tmp_path, max_quarantine_fraction=0.1))
    assert (found.listed, found.usable, found.left_out_fraction) == (10, 9, 0.1)
    assert "preprocess will stop" not in format_table(found)
    (tmp_path / "1.mp4").unlink()
    both = inspect_root(tmp_path, make_config(root=tmp_path))
    assert (both.usable, both.left_out_fraction) == (8, 0.2)
    some = inspect_root(tmp_path, make_config(root=tmp_path, signs=["word 0"]))
    assert (some.usable, some.left_out_fraction) == (2, 0.1)  # of the whole list: whose line it is nobody knows


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
    assert "the pipeline will stop: no clip can be used" in format_table(found)


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match="is empty"):
        inspect_root(tmp_path)
    (tmp_path / "readme.md").write_text("")
    with pytest.raises(UserError, match="no known layout"):
        inspect_root(tmp_path)
