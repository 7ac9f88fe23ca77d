"""ASL Citizen's layout: splits/*.csv and videos/."""

import pytest

from t2s.data.sources.asl_citizen import AslCitizen
from t2s.data.sources.clip import SourceReport
from t2s.errors import UserError

HEADER = "Participant ID, Video file, Gloss, ASL-LEX Code"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "splits").mkdir()
    rows = {
        "train": ["P1, 0123-HELLO.mp4, HELLO, A_01", "P1,9-SAIL.mp4,SAIL1,NA"],
        "val": ["P2, 07-NA.mp4, NA, B_02"],
        "test": ["P3, 08-null.mp4, null, C_03", "P3, , BOOK, C_04"],
    }
    for split, lines in rows.items():
        table = tmp_path / "splits" / f"{split}.csv"
        table.write_bytes("\r\n".join([HEADER, *lines, ""]).encode("utf-8-sig"))
    return tmp_path


def test_rows(root):
    report = SourceReport("asl_citizen")
    clips = list(AslCitizen().read(root, None, report))
    assert [(clip.clip_id, clip.path, clip.text, clip.sign, clip.signer, clip.split) for clip in clips] == [
        ("0123-HELLO", "videos/0123-HELLO.mp4", "HELLO", "HELLO", "P1", "train"),
        ("9-SAIL", "videos/9-SAIL.mp4", "SAIL1", "SAIL1", "P1", "train"),
        ("07-NA", "videos/07-NA.mp4", "NA", "NA", "P2", "val"),
        ("08-null", "videos/08-null.mp4", "null", "null", "P3", "test"),
    ]
    assert [issue.kind for issue in report.issues] == ["malformed"]


def test_a_missing_split_file_is_noted(root):
    (root / "splits" / "val.csv").unlink()
    report = SourceReport("asl_citizen")
    assert {clip.split for clip in AslCitizen().read(root, None, report)} == {"train", "test"}
    assert report.notes == ["splits/val.csv is missing: no val clips"]


def test_detect_and_wrong_columns(root, tmp_path_factory):
    assert AslCitizen().detect(root)
    assert not AslCitizen().detect(tmp_path_factory.mktemp("empty"))
    (root / "splits" / "train.csv").write_text("user,file\n")
    with pytest.raises(UserError, match=r"train.csv: column Participant ID, Video file, Gloss is missing"):
        list(AslCitizen().read(root, None, SourceReport("asl_citizen")))


def test_has_no_subsets(root):
    with pytest.raises(UserError, match="no subsets"):
        list(AslCitizen().read(root, "nslt_100", SourceReport("asl_citizen")))
