"""PHOENIX-2014T's layout: | separated without quoting, folders of stills, a stray file among them."""

import cv2
import numpy as np
import pytest

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.phoenix2014t import Phoenix2014T
from t2s.data.sources.read import list_clips

HEADER = "name|video|start|end|speaker|orth|translation"
FRAMES = "features/fullFrame-210x260px"


@pytest.fixture
def root(tmp_path):
    tables = tmp_path / "annotations" / "manual"
    tables.mkdir(parents=True)
    for folder, name, text in (
        ("train", "11August_2010-1", 'und nun "die wettervorhersage, für morgen'),
        ("dev", "12August_2010-7", "null"),
        ("test", "13August_2010-9", "schnee"),
    ):
        line = f"{name}|{name}/1/*.png|-1|-1|Signer08|JETZT WETTER|{text}"
        (tables / f"PHOENIX-2014-T.{folder}.corpus.csv").write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
        frames = tmp_path / FRAMES / folder / name
        frames.mkdir(parents=True)
        if folder != "test":
            for number in (1, 2, 3):
                cv2.imwrite(str(frames / f"images{number:04d}.png"), np.zeros((26, 21, 3), np.uint8))
        (frames / "profile.txt").write_text("stray")
        (frames / "images.png").write_bytes(b"stray")
    return tmp_path


def test_rows(root):
    assert Phoenix2014T().detect(root)
    clips = list(Phoenix2014T().read(root, None, SourceReport("phoenix2014t")))
    assert [(clip.clip_id, clip.path, clip.split) for clip in clips] == [
        ("11August_2010-1", f"{FRAMES}/train/11August_2010-1/images%04d.png", "train"),
        ("12August_2010-7", f"{FRAMES}/dev/12August_2010-7/images%04d.png", "val"),
        ("13August_2010-9", f"{FRAMES}/test/13August_2010-9/images%04d.png", "test"),
    ]
    assert [clip.video for clip in clips] == ["11August_2010", "12August_2010", "13August_2010"]  # the broadcasts
    assert [clip.text for clip in clips] == ['und nun "die wettervorhersage, für morgen', "null", "schnee"]
    assert {(clip.signer, clip.sign, clip.start_s, clip.end_s, clip.fps) for clip in clips} == {
        ("Signer08", "", None, None, 25.0)
    }


def test_a_folder_without_frames_is_missing_despite_its_strays(root):
    _, report = list_clips(Phoenix2014T(), root, None)
    assert [(issue.kind, issue.clip_id) for issue in report.issues] == [("missing", "13August_2010-9")]
