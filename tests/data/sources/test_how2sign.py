"""How2Sign's layout: TAB separated without quoting, released clips against full videos."""

import pytest

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.how2sign import How2Sign

HEADER = "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
VIDEO = "--7E2sU6zP4-5-rgb_front"


def row(number, sentence, start="2.5", end="900.75"):
    name = f"--7E2sU6zP4_{number}-5-rgb_front"
    return "\t".join(["--7E2sU6zP4", VIDEO, f"--7E2sU6zP4_{number}", name, start, end, sentence])


@pytest.fixture
def root(tmp_path):
    lines = [
        HEADER,
        row(10, 'And I call them "decorative elements", because'),
        row(11, '"unclosed'),
        row(12, "NA"),
        row(13, "bad time", start="soon"),
        "too\tfew",
    ]
    (tmp_path / "how2sign_realigned_train.csv").write_bytes("\r\n".join([*lines, ""]).encode())
    (tmp_path / "how2sign_realigned_test.csv").write_text(
        "\n".join([HEADER, row(20, "grüße 🤟")]), encoding="utf-8-sig"
    )
    return tmp_path


def read(root):
    report = SourceReport("how2sign")
    return list(How2Sign().read(root, None, report)), report


def test_a_released_clip_is_used_whole_and_goes_before_the_full_video(root, write_mp4):
    write_mp4(root / "raw_videos" / "--7E2sU6zP4_10-5-rgb_front.mp4")
    write_mp4(root / "full" / f"{VIDEO}.mp4")
    write_mp4(root / "raw_videos" / "of-no-row.mp4")
    clips, report = read(root)
    assert [(clip.path, clip.start_s, clip.end_s) for clip in clips] == [
        ("raw_videos/--7E2sU6zP4_10-5-rgb_front.mp4", None, None),
        (f"full/{VIDEO}.mp4", 2.5, 900.75),  # past the end: preprocess judges
        (f"full/{VIDEO}.mp4", 2.5, 900.75),
        (f"full/{VIDEO}.mp4", 2.5, 900.75),
    ]
    assert report.counts() == {"malformed": 2}
    assert any("1 video files belong to no row" in note for note in report.notes)
    assert any("used whole" in note for note in report.notes)
    assert any("how2sign_realigned_val.csv is missing" in note for note in report.notes)


def test_quotes_are_letters_and_the_video_is_not_the_signer(root):
    clips, _ = read(root)
    assert [clip.text for clip in clips] == [
        'And I call them "decorative elements", because',
        '"unclosed',
        "NA",
        "grüße 🤟",
    ]
    assert {(clip.sign, clip.signer, clip.video) for clip in clips} == {("", "5", VIDEO)}
    assert clips[0].path == "raw_videos/--7E2sU6zP4_10-5-rgb_front.mp4"


def test_the_download_scripts_own_folders(root):
    deep = root / "sentence_level/train/text/en/raw_text/re_aligned"
    deep.mkdir(parents=True)
    (root / "how2sign_realigned_train.csv").rename(deep / "how2sign_realigned_train.csv")
    assert How2Sign().detect(root)
    assert {clip.split for clip in read(root)[0]} == {"train", "test"}
