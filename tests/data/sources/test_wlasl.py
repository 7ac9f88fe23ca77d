"""WLASL's layout: 1-based frames at 25 fps, -1 ends, leading zeros, missing videos, nslt subsets."""

import json

import pytest

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.wlasl import Wlasl
from t2s.errors import UserError


def instance(
    video_id, split="train", first=1, last=-1, signer=3, bbox=(10, 20, 110, 220), url="http://example.org/x.mp4"
):
    return {
        "bbox": list(bbox),
        "fps": 25,
        "frame_start": first,
        "frame_end": last,
        "instance_id": 0,
        "signer_id": signer,
        "source": "aslu",
        "split": split,
        "url": url,
        "variation_id": 0,
        "video_id": video_id,
    }


def write_full(root, *instances, gloss="book"):
    (root / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": gloss, "instances": list(instances)}]))


def read(root, subset=None):
    report = SourceReport("wlasl")
    return list(Wlasl().read(root, subset, report)), report


def test_frames_are_one_based_and_minus_one_is_the_end(tmp_path):
    write_full(
        tmp_path,
        instance("00001"),
        instance("00002", first=1, last=50),
        instance("00003", "val", first=26, last=75),
        instance("00004", "test", first=26),
    )
    clips, report = read(tmp_path)
    assert [(clip.clip_id, clip.path, clip.split, clip.start_s, clip.end_s) for clip in clips] == [
        ("00001", "videos/00001.mp4", "train", None, None),
        ("00002", "videos/00002.mp4", "train", None, 2.0),
        ("00003", "videos/00003.mp4", "val", 1.0, 3.0),
        ("00004", "videos/00004.mp4", "test", 1.0, None),
    ]
    assert {(clip.text, clip.sign, clip.signer, clip.box) for clip in clips} == {
        ("book", "book", "3", (10, 20, 110, 220))
    }
    assert not report.issues


def test_ids_cut_from_one_upload_are_one_recording(tmp_path):
    upload = "https://www.youtube.com/watch?v=C37R_Ix8-qs"
    write_full(tmp_path, instance("00001", url=upload), instance("00002", "test", url=upload), instance("00003", "val"))
    assert [clip.video for clip in read(tmp_path)[0]] == ["C37R_Ix8-qs", "C37R_Ix8-qs", "00003"]


def test_a_video_cut_by_the_start_kit_is_used_whole_a_full_one_is_cut(tmp_path, write_mp4):
    write_mp4(tmp_path / "videos" / "00001.mp4", num_frames=20)
    write_mp4(tmp_path / "videos" / "00002.mp4", num_frames=60)
    write_mp4(tmp_path / "videos" / "00003.mp4", num_frames=40)
    write_full(tmp_path, *(instance(f"0000{n}", first=31, last=50) for n in (1, 2, 3)))
    clips, report = read(tmp_path)
    assert [(clip.start_s, clip.end_s) for clip in clips] == [(None, None), (1.2, 2.0), (1.2, 2.0)]
    assert len(report.notes) == 1


def test_odd_instances_are_reported(tmp_path):
    write_full(
        tmp_path,
        instance("1", signer=-1, bbox=(5, 5, 5, 9)),
        instance("1"),
        instance("2", split="nowhere"),
        instance("3") | {"frame_start": None},
        "not an object",
        instance(""),
        instance("4", first=10**400),
        instance("5", last=float("inf")),
        instance("6", first=26) | {"fps": -3, "bbox": [0, 0, float("inf"), 9]},
    )
    (clip, last), report = read(tmp_path)
    assert (clip.signer, clip.box) == ("", None)
    assert (last.start_s, last.fps, last.box) == (1.0, 25.0, None)
    assert report.counts() == {"duplicate_id": 1, "malformed": 6}


@pytest.fixture
def with_subset(tmp_path):
    subset = {
        "00001": {"subset": "test", "action": [1, 1, 50]},
        "00009": {"subset": "train", "action": [0, 26, 75]},
        "00002": {"subset": "train", "action": [0, 1, 50]},
        "00010": {"subset": "train", "action": [7, 1, 50]},
        "00011": {"subset": "train", "action": [0, 1, float("inf")]},
    }
    (tmp_path / "nslt_100.json").write_text(json.dumps(subset))
    (tmp_path / "wlasl_class_list.txt").write_text("0\tdrink\n1\tbook\n²\tno number\n")
    return tmp_path


def test_a_subset_keeps_its_ids_and_split_and_takes_signer_and_box_from_the_full_list(with_subset):
    write_full(with_subset, instance("00001"), instance("00002"), instance("00003"))
    clips, report = read(with_subset, "nslt_100")
    assert [(clip.clip_id, clip.split, clip.sign, clip.signer, clip.start_s, clip.end_s) for clip in clips] == [
        ("00001", "test", "book", "3", None, None),
        ("00009", "train", "drink", "", 1.0, 3.0),
    ]
    # Another gloss, an unknown class, no frame.
    assert [issue.clip_id for issue in report.issues] == ["00002", "00010", "00011"]
    assert {clip.clip_id for clip in read(with_subset)[0]} == {"00001", "00002", "00003"}


def test_subsets_stand_without_the_full_list(with_subset):
    assert Wlasl().detect(with_subset)
    clips, _ = read(with_subset)
    assert [(clip.clip_id, clip.sign, clip.start_s, clip.end_s) for clip in clips] == [
        ("00001", "book", None, None),  # its frames are those of a file already cut, at a rate of its own
        ("00009", "drink", 1.0, 3.0),
        ("00002", "drink", None, None),
    ]


def test_unknown_subset_names_those_there_are(with_subset):
    with pytest.raises(UserError, match=r"nslt_300.json; found nslt_100"):
        read(with_subset, "nslt_300")


def test_broken_json(tmp_path):
    (tmp_path / "WLASL_v0.3.json").write_text('[{"gloss": "book",\n "instances": [}]')
    with pytest.raises(UserError, match=r"WLASL_v0.3.json: line 2: not valid JSON"):
        read(tmp_path)
    (tmp_path / "WLASL_v0.3.json").write_text("{}")
    with pytest.raises(UserError, match="expected a JSON list"):
        read(tmp_path)


def test_ids_never_probe_outside_the_root(tmp_path, write_mp4):
    write_mp4(tmp_path / "secret.mp4", num_frames=20)
    root = tmp_path / "set"
    (root / "videos").mkdir(parents=True)
    write_full(root, instance("../../secret", first=31, last=50))
    (clip,), _ = read(root)
    assert (clip.start_s, clip.end_s) == (1.2, 2.0)  # its length was not looked up
