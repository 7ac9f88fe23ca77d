"""Pairs of <stem>.mp4|gif and <stem>.txt."""

from pathlib import Path

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.stem_pairs import StemPairs


def put(root: Path, name: str, content: bytes = b"") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def read(root: Path) -> tuple[list, SourceReport]:
    report = SourceReport("folder")
    return list(StemPairs().read(root, None, report)), report


def test_captions_lose_one_line_end_and_nothing_else(tmp_path):
    captions = {"a": "hello", "b": "null", "c": "  two\nlines  ", "d": "🤟 مرحبا", "e": "ends\n"}
    for stem, caption in captions.items():
        put(tmp_path, f"{stem}.mp4")
        put(tmp_path, f"{stem}.txt", f"{caption}\r\n".encode())
    put(tmp_path, "f.gif")
    put(tmp_path, "f.txt", b"\xef\xbb\xbfbom")
    clips, _ = read(tmp_path)
    assert {clip.clip_id: clip.text for clip in clips} == {**captions, "f": "bom"}
    assert clips[-1].path == "f.gif"


def test_half_pairs_are_reported_and_strays_ignored(tmp_path):
    put(tmp_path, "a.mp4")
    put(tmp_path, "b.txt", b"no video")
    put(tmp_path, "notes.md")
    put(tmp_path, "README.txt", b"how this was filmed")
    put(tmp_path, "c.mp4")
    put(tmp_path, "c.txt", b"whole")
    clips, report = read(tmp_path)
    assert [clip.clip_id for clip in clips] == ["c"]
    assert [(issue.kind, issue.clip_id) for issue in report.issues] == [("missing", "a"), ("missing", "b")]


def test_mp4_goes_before_gif_and_folders_name_splits(tmp_path):
    for folder in ("train", "dev", "test", "elsewhere"):
        put(tmp_path, f"{folder}/x.gif")
        put(tmp_path, f"{folder}/x.mp4")
        put(tmp_path, f"{folder}/x.txt", folder.encode())
    clips, _ = read(tmp_path)
    assert {clip.clip_id: (clip.path, clip.split) for clip in clips} == {
        "dev/x": ("dev/x.mp4", "val"),
        "elsewhere/x": ("elsewhere/x.mp4", ""),
        "test/x": ("test/x.mp4", "test"),
        "train/x": ("train/x.mp4", "train"),
    }


def test_the_prefix_of_a_name_is_no_signer(tmp_path):
    put(tmp_path, "anna_hello.mp4")
    put(tmp_path, "anna_hello.txt", b"hello")
    assert read(tmp_path)[0][0].signer == ""


def test_latin_1_captions_are_read_and_counted(tmp_path):
    put(tmp_path, "a.mp4")
    put(tmp_path, "a.txt", "grüße".encode("latin-1"))
    (clip,), report = read(tmp_path)
    assert clip.text == "grüße"
    assert report.not_utf8 == ["a.txt"]


def test_detect(tmp_path):
    put(tmp_path, "readme.txt")
    put(tmp_path, "a.mp4")
    assert not StemPairs().detect(tmp_path)
    put(tmp_path, "deep/down/b.gif")
    put(tmp_path, "deep/down/b.txt")
    assert StemPairs().detect(tmp_path)


def test_capital_suffixes_are_captions_and_a_macs_shadow_files_are_none(tmp_path):
    put(tmp_path, "a.MP4")
    put(tmp_path, "a.TXT", b"hello")
    for name in ("._a.MP4", "._a.TXT", ".hidden/b.mp4", ".hidden/b.txt"):
        put(tmp_path, name, b"shadow")
    clips, report = read(tmp_path)
    assert [(clip.path, clip.text) for clip in clips] == [("a.MP4", "hello")]
    assert not report.issues
