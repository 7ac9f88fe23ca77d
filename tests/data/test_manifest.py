"""manifest.csv keeps every caption byte for byte."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.data.manifest import COLUMNS, ManifestRow, caption_problem, read_manifest, write_manifest
from t2s.errors import UserError


def row(clip_id: str = "c1", text: str = "hello", **changes) -> ManifestRow:
    values = {
        "path": "videos/a.mp4", "sign": "hello", "signer": "s1", "split": "train", "start_s": None, "end_s": None,
        "box": None, "fps": None, "licence": "CC0-1.0",
    }  # fmt: skip
    return ManifestRow(clip_id=clip_id, text=text, **{**values, **changes})


TRICKY = [
    "plain", " spaces kept ", "a,b", 'say "hello"', "two\nlines", "dos\r\nlines", "lone\rreturn", "NA", "null", "007",
    "👩‍🦰👋🏽", "שלום עולם", "e\u0301 is not \u00e9", "\ufeffmark", "=1+1", "x" * 200_000, "'", "\t",
]  # fmt: skip


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_captions_round_trip(text: str, tmp_path: Path) -> None:
    rows = [row("c1", text), row("c2", "after")]
    write_manifest(tmp_path / "m.csv", rows)
    assert read_manifest(tmp_path / "m.csv") == rows


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    start=st.none() | st.floats(0, 1e5),
    box=st.none() | st.tuples(*[st.integers(0, 4000).map(float)] * 4),
)
def test_any_row_round_trips(tmp_path_factory, text, start, box) -> None:
    path = tmp_path_factory.mktemp("m") / "m.csv"
    rows = [row(text=text, start_s=start, end_s=start, box=box, fps=29.97)]
    write_manifest(path, rows)
    assert read_manifest(path) == rows


def test_lines_end_in_lf(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [row()])
    assert (tmp_path / "m.csv").read_bytes() == (
        ",".join(COLUMNS) + "\n" + "c1,videos/a.mp4,hello,hello,s1,train,,,,,CC0-1.0\n"
    ).encode()


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("c2,a.mp4,t,,s,dev,,,,,l", "split 'dev'"),
        ("c2,a.mp4,t,,s,train,x,,,,l", "start_s 'x' is not a number"),
        ("c2,a.mp4,t,,s,train,nan,,,,l", "not a number"),
        ("c2,a.mp4,t,,s,train,,,1 2 3,,l", "box '1 2 3'"),
        ("c2,a.mp4,t,,s,train,,,1 2 3 x,,l", "not a number"),
        ("c2,a.mp4,t", "3 columns"),
        (",a.mp4,t,,s,train,,,,,l", "must not be empty"),
        ("c1,a.mp4,t,,s,train,,,,,l", "appears twice"),
        ('c2,a.mp4,"t,,s,train,,,,,l', "cannot be read"),
    ],
)
def test_a_bad_row_is_named_by_line(line: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    write_manifest(path, [row()])
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert part in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\n", ",".join(COLUMNS).encode("utf-16")])
def test_no_manifest_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    with pytest.raises(UserError, match="no such file"):
        read_manifest(path)
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "empty"), (" \n\t", "empty"), ("a\0b", "NUL"), ("\ud800", "surrogate"), ("x" * 101, "101 characters")],
)
def test_bad_captions_are_refused_by_name(text: str, part: str) -> None:
    assert part in str(caption_problem(text, 100))


@pytest.mark.parametrize("text", [text for text in TRICKY if len(text) <= 100 and text.strip()])
def test_any_other_caption_is_good(text: str) -> None:
    assert caption_problem(text, 100) is None
