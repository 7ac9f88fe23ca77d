"""<sign>/<clip>.mp4: recognised where nothing speaks against it; else what is there is said."""

from pathlib import Path

import pytest

from t2s.data.sources.class_folders import ClassFolders
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.registry import locate
from t2s.errors import UserError


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def read(root: Path) -> tuple[list[SourceClip], SourceReport]:
    reader, folder = locate("auto", root)
    report = SourceReport(reader.name)
    return list(reader.read(folder, None, report)), report


def test_the_folders_name_sign_and_caption(tmp_path):
    put(tmp_path, "thank you/1.mp4", "thank you/2.mov", "Nö/1.mp4", "Nö/._1.mp4", "Nö/.DS_Store", "readme.txt")
    clips, report = read(tmp_path)
    assert [(clip.clip_id, clip.path, clip.sign, clip.text, clip.split) for clip in clips] == [
        ("Nö/1", "Nö/1.mp4", "Nö", "Nö", ""),
        ("thank you/1", "thank you/1.mp4", "thank you", "thank you", ""),
        ("thank you/2", "thank you/2.mov", "thank you", "thank you", ""),
    ]
    assert report.notes == [
        "no captions: the names of the folders are taken as signs and captions; they must not be signers"
    ]
    assert locate("folder", tmp_path)[0].name == "folder"


def test_folders_around_them_name_the_split(tmp_path):
    put(tmp_path, "train/hello/1.mp4", "train/book/1.mp4", "dev/hello/2.mp4", "test/book/3.gif")
    clips, _ = read(tmp_path)
    assert [(clip.clip_id, clip.sign, clip.split) for clip in clips] == [
        ("dev/hello/2", "hello", "val"),
        ("test/book/3", "book", "test"),
        ("train/book/1", "book", "train"),
        ("train/hello/1", "hello", "train"),
    ]


def test_a_folder_that_unpacking_left_is_entered_where_it_is_the_only_one(tmp_path):
    put(tmp_path, "archive/mine/hello/1.mp4", "archive/mine/book/1.mp4", "archive/__MACOSX/x")
    assert locate("auto", tmp_path)[1] == tmp_path / "archive" / "mine"


def test_every_other_layout_goes_before(tmp_path):
    put(tmp_path, "mine/a.mp4", "others/b.mp4")
    (tmp_path / "mine" / "manifest.csv").write_text("path,text\na.mp4,hello\n")
    reader, folder = locate("auto", tmp_path)
    assert (reader.name, folder) == ("manifest", tmp_path / "mine")
    put(tmp_path, "others/b.txt")
    assert locate("auto", tmp_path)[1] == tmp_path
    assert "beside" in locate("auto", tmp_path)[0].layout


@pytest.mark.parametrize(
    "names",
    [
        ("videos/1.mp4", "videos/2.mp4"),  # one sign is none
        ("hello/1.mp4", "book/1.mp4", "stray.mp4"),
        ("hello/1.mp4", "book/1.mp4", "book/notes/1.mp4"),
        ("hello/ann/1.mp4", "hello/bob/1.mp4", "book/ann/1.mp4"),  # by sign and signer, or the other way round
        ("train/1.mp4", "test/1.mp4"),  # splits are no signs
        ("train/hello/1.mp4", "hello/1.mp4", "book/1.mp4"),
        ("hello/1.mp4", "book/1.mp4", "book/2.txt"),  # captions, of other names
        ("part1/1.mp4", "part2/2.mp4", "labels.json"),  # annotated elsewhere
    ],
)
def test_what_may_be_something_else_is_not_taken_for_signs(tmp_path, names):
    put(tmp_path, *names)
    assert not ClassFolders().detect(tmp_path)
    with pytest.raises(UserError, match=r"no known layout \(videos without captions: [2-4], first .*/1\.mp4; neither"):
        locate("auto", tmp_path)


def table(root: Path, name: str, head: str) -> None:
    (root / name).write_text(f"{head}\na,b\n")


def test_a_table_that_is_no_manifest_is_named_with_its_columns(tmp_path):
    put(tmp_path, "a.mp4", "b/1.mp4")
    table(tmp_path, "list.csv", "filename,label,\x1b[31m")
    said = r"no known layout \(list\.csv has the columns filename, label, \[31m; a manifest needs path and text\)"
    for source in ("auto", "manifest"):
        with pytest.raises(UserError, match=said if source == "auto" else r"; list\.csv has the columns filename"):
            locate(source, tmp_path)
    table(tmp_path, "list.csv", ",".join(f"c{n}" for n in range(1000)))
    with pytest.raises(UserError, match=r"c6, c7 …; a manifest"):
        locate("auto", tmp_path)


def test_two_tables_that_fit_are_named(tmp_path):
    put(tmp_path, "mine/a.mp4")
    for name in ("a.csv", "b.csv", "c.csv"):
        table(tmp_path / "mine", name, "path,text" if name != "c.csv" else "other,names")
    with pytest.raises(UserError, match=r"\(a\.csv and b\.csv both fit: name one manifest\.csv\)"):
        locate("auto", tmp_path)


def test_a_folder_without_videos_is_told(tmp_path):
    put(tmp_path, "notes.md")
    with pytest.raises(UserError, match=r"no known layout \(it holds no videos\)"):
        locate("auto", tmp_path)


@pytest.mark.parametrize("beside", ["ann/hello.TXT", "ann/hello.eaf", "labels.xlsx", "ann/deep.srt"])
def test_folders_of_signers_with_notes_in_another_form_are_no_signs(tmp_path, beside):
    put(tmp_path, "ann/hello.mp4", "bob/hello.mp4", beside)
    assert not ClassFolders().detect(tmp_path)


def test_a_sign_is_one_however_its_letters_are_written(tmp_path):
    put(tmp_path, "K\u00e4se/1.mp4", "Ka\u0308se/2.mp4", "no/1.mp4")
    clips, _ = read(tmp_path)
    assert {clip.sign for clip in clips} == {"K\u00e4se", "no"}
