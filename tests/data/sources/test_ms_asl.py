"""MS-ASL's layout: spans of YouTube videos with boxes in fractions."""

import json

import numpy as np
import pytest

from t2s.data.clip_reader import read_clip
from t2s.data.sources.clip import SourceReport
from t2s.data.sources.ms_asl import MsAsl
from t2s.data.sources.read import read_source


def entry(**changes):
    return {
        "org_text": "match",
        "clean_text": "match",
        "text": "match!",
        "url": "https://www.youtube.com/watch?v=C37R_Ix8-qs",
        "start_time": 1.5,
        "end_time": 3.25,
        "label": 1,
        "signer_id": 0,
        "box": [0.25, 0.125, 1.0, 0.5],
        "width": 640.0,
        "height": 360.0,
        "fps": 29.97,
        **changes,
    }


@pytest.fixture
def root(tmp_path):
    (tmp_path / "MSASL_classes.json").write_text(json.dumps(["hello", "fit"]))
    (tmp_path / "MSASL_synonym.json").write_text(json.dumps([["fit", "match"]]))
    (tmp_path / "MSASL_train.json").write_text(json.dumps([entry(), entry(label=99, text="null"), entry(url="")]))
    (tmp_path / "MSASL_val.json").write_text(json.dumps([entry(start_time=float("nan")), 7]))
    return tmp_path


def read(root):
    report = SourceReport("ms_asl")
    return list(MsAsl().read(root, None, report)), report


def test_rows(root):
    assert MsAsl().detect(root)
    clips, report = read(root)
    assert [(clip.clip_id, clip.sign, clip.text, clip.signer) for clip in clips] == [
        ("train-00000", "fit", "match!", "0"),
        ("train-00001", "match", "null", "0"),
    ]
    assert (clips[0].start_s, clips[0].end_s, clips[0].fps, clips[0].video) == (1.5, 3.25, 29.97, "C37R_Ix8-qs")
    assert report.counts() == {"malformed": 3}
    assert report.notes == ["MSASL_test.json is missing: no test clips"]


def test_an_unknown_signer_has_no_name(root):
    (root / "MSASL_train.json").write_text(json.dumps([entry(signer_id=-1), entry(signer_id=7)]))
    assert [clip.signer for clip in read(root)[0]] == ["", "7"]


def test_boxes_are_in_pixels_of_the_file_that_is_there(root, write_mp4):
    assert read(root)[0][0].box == (80, 90, 320, 360)  # no file: the annotated 640x360; the list is y0 x0 y1 x1
    write_mp4(root / "any" / "C37R_Ix8-qs.mp4", size=(64, 48))
    clip = read(root)[0][0]
    assert clip.path == "any/C37R_Ix8-qs.mp4"
    assert clip.box == (8, 12, 32, 48)


def test_a_box_lies_in_the_picture_as_shown(root, encode_video, test_card, make_config):
    """The lower right quarter of a picture filmed on its side: white, as the test card has it after a quarter turn."""
    encode_video(
        root / "C37R_Ix8-qs.mp4",
        np.rot90(test_card(60, 96, 64), -1, axes=(1, 2)),
        prepare=lambda stream: stream.set_display_rotation(90),
    )
    path = root / "MSASL_train.json"
    path.write_text(json.dumps([entry(box=[0.8, 0.8, 1.0, 1.0], start_time=0.0, end_time=2.0)]))
    (root / "MSASL_val.json").unlink()
    config = make_config(source="ms_asl", root=root, crop="box", image_size=16, num_frames=4)
    (row,), _, _ = read_source(config)
    assert row.box == (77, 51, 96, 64)
    assert read_clip(root, row, config).pixels.mean() == pytest.approx(235, abs=3)
