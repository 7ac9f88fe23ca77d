"""The user's own videos with a manifest CSV: encodings, quoting, ids, and captions that look like nothing."""

import csv
from pathlib import Path

import pytest

from t2s.data.sources.clip import SourceReport
from t2s.data.sources.folder_manifest import FolderManifest
from t2s.errors import UserError

ODD_CAPTIONS = [
    "NA",
    "null",
    "None",
    'she said "hi", twice',
    "two\nlines",
    "carriage\rreturn",
    "dos\r\nline",
    "grüße",
    "🤟🏽 love you",
    "مرحبا بالعالم",
    "  blanks kept  ",
    "é",  # e + combining accent, which NFC would change
    "x" * 200_000,
]


def read(root: Path) -> tuple[list, SourceReport]:
    report = SourceReport("manifest")
    return list(FolderManifest().read(root, None, report)), report


def test_odd_captions_stay_byte_exact(tmp_path):
    with (tmp_path / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["path", "text"])
        writer.writerows([f"{index}.mp4", caption] for index, caption in enumerate(ODD_CAPTIONS))
    clips, report = read(tmp_path)
    assert [clip.text for clip in clips] == ODD_CAPTIONS
    assert not report.issues


@pytest.mark.parametrize(
    ("encoding", "falls_back"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("latin-1", True)],
)
def test_encodings_and_dos_line_ends(tmp_path, encoding, falls_back):
    text = "path,text,signer,split,start,end\r\na.mp4,grüße,Zoë,train,0.5,1:02.25\r\n"
    (tmp_path / "manifest.csv").write_bytes(text.encode(encoding))
    (clip,), report = read(tmp_path)
    assert (clip.text, clip.signer, clip.split, clip.start_s, clip.end_s) == ("grüße", "Zoë", "train", 0.5, 62.25)
    assert report.not_utf8 == (["manifest.csv"] if falls_back else [])


def test_two_spans_of_one_file_get_their_own_ids_and_share_their_video(tmp_path):
    (tmp_path / "clips.csv").write_text("path,text,start,end\nv/a.mp4,hello,0,1\nv/a.mp4,book,1,2\n")
    clips, _ = read(tmp_path)
    assert [clip.clip_id for clip in clips] == ["v/a", "v/a#2"]
    assert {clip.video for clip in clips} == {"v/a.mp4"}


def test_the_same_row_twice_keeps_one_id_so_that_it_is_seen_as_a_duplicate(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,text\na.mp4,hello\na.mp4,hello\n")
    clips, _ = read(tmp_path)
    assert [clip.clip_id for clip in clips] == ["a", "a"]


def test_bad_cells_are_reported_by_line_and_the_other_rows_stay(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "path,text,split,start,box\n"
        "a.mp4,ok,train,,\n"
        "b.mp4,bad split,elsewhere,,\n"
        "c.mp4,bad time,train,soon,\n"
        "d.mp4,bad time,train,nan,\n"
        "e.mp4,bad box,train,,1 2 3\n"
        "f.mp4,too many,train,,,,\n"
        "g.mp4,ok,dev,,1 2 3 4\n"
    )
    clips, report = read(tmp_path)
    assert [(clip.path, clip.split, clip.box) for clip in clips] == [
        ("a.mp4", "train", None),
        ("g.mp4", "val", (1.0, 2.0, 3.0, 4.0)),
    ]
    assert [issue.kind for issue in report.issues] == ["malformed"] * 5
    assert [int(issue.message.split("line ")[1].split()[0].rstrip(":")) for issue in report.issues] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("0,soon,,", "end 'soon' is not a number of seconds or hh:mm:ss.fff"),
        ("1:x,,,", "start '1:x' is not a number of seconds or hh:mm:ss.fff"),
        ("-1,2,,", "start '-1' lies before the file's start, 0"),
        (",,fast,", "fps 'fast' is not a number"),
        (",,,1 2 3 x", "box '1 2 3 x' is not 'x0 y0 x1 y1'"),
        (",,,1 2 3 inf", "box '1 2 3 inf' is not 'x0 y0 x1 y1'"),
    ],
)
def test_a_bad_number_names_its_column(tmp_path, cells, said):
    (tmp_path / "manifest.csv").write_text(f"path,text,start,end,fps,box\na.mp4,hello,{cells}\n")
    clips, report = read(tmp_path)
    assert not clips
    assert [issue.message for issue in report.issues] == [f"manifest.csv: line 2: {said}"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read_where_no_comma_separates_the_cells(tmp_path, delimiter):
    lines = [
        ["path", "text", "start", "end", "fps", "box"],
        ["a.mp4", "a, b", "0,5", "1:02,25", "29,97", "1,5 2 30,5 40"],
        ["b.mp4", "c", "0.5", "2", "25", "1,2,3,4"],
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(delimiter.join(line) for line in lines))
    clips, report = read(tmp_path)
    assert [(clip.text, clip.start_s, clip.end_s, clip.fps, clip.box) for clip in clips] == [
        ("a, b", 0.5, 62.25, 29.97, (1.5, 2.0, 30.5, 40.0)),
        ("c", 0.5, 2.0, 25.0, (1.0, 2.0, 3.0, 4.0)),
    ]
    assert not report.issues


def test_repeated_captions_are_signs_and_different_ones_are_sentences(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,text\n" + "".join(f"{i}.mp4,{w}\n" for i, w in enumerate("abab")))
    clips, report = read(tmp_path)
    assert [clip.sign for clip in clips] == ["a", "b", "a", "b"]
    assert report.notes
    (tmp_path / "manifest.csv").write_text("path,text\n1.mp4,I read a book.\n2.mp4,Where is it?\n3.mp4,Where is it?\n")
    assert {clip.sign for clip in read(tmp_path)[0]} == {""}


def test_semicolons_tabs_and_other_column_names(tmp_path):
    for delimiter in ";\t":
        rows = [("File", "Caption", "gloss", "speaker"), ("a.mp4", "Hello, you", "HELLO", "s1")]
        (tmp_path / "manifest.csv").write_text("\n".join(delimiter.join(row) for row in rows))
        (clip,), _ = read(tmp_path)
        assert (clip.path, clip.text, clip.sign, clip.signer) == ("a.mp4", "Hello, you", "HELLO", "s1")


def test_an_open_quote_is_an_error_not_a_swallowed_file(tmp_path):
    (tmp_path / "manifest.csv").write_text('path,text\na.mp4,"open\nb.mp4,fine\n')
    with pytest.raises(UserError, match=r"manifest.csv: line .*not valid CSV"):
        read(tmp_path)


def test_detects_only_tables_with_path_and_text(tmp_path):
    assert not FolderManifest().detect(tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert not FolderManifest().detect(tmp_path)
    (tmp_path / "mine.csv").write_text("path,text\n")
    assert FolderManifest().detect(tmp_path)
    (tmp_path / "also.csv").write_text("path,text\n")
    assert not FolderManifest().detect(tmp_path)  # which of the two?
    (tmp_path / "manifest.csv").write_text("path,text\n")
    assert FolderManifest().detect(tmp_path)


def test_columns_of_other_names_are_told_of(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "id,file,caption,start_time,participant\n7,a.mp4,hello,1,ann\n7,b.mp4,no,2,bob\n"
    )
    clips, report = read(tmp_path)
    assert [clip.clip_id for clip in clips] == ["a", "b"]
    assert report.notes[0] == "columns read: file as path, caption as text; not read: id, start_time, participant"


def test_a_manifest_of_the_names_we_know_is_told_nothing(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,text,signer\na.mp4,hello,ann\n")
    assert read(tmp_path)[1].notes == []
