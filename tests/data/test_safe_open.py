"""No path leads out of the root, and no odd file hangs the open."""

import os
import socket
from pathlib import Path

import pytest

from t2s.data.faults import MediaError
from t2s.data.safe_open import list_folder, open_regular, read_regular


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.mp4").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "videos").mkdir(parents=True)
    (root / "videos" / "a.mp4").write_bytes(b"video")
    (root / "link.mp4").symlink_to(tmp_path / "outside" / "secret.mp4")
    (root / "inner.mp4").symlink_to(root / "videos" / "a.mp4")
    (root / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket.mp4"))
    return root


def open_handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_regular_file_is_opened(root: Path) -> None:
    handle = open_regular(root, "videos/a.mp4")
    assert os.read(handle, 100) == b"video"
    os.close(handle)


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    root.with_name("alias").symlink_to(root)
    os.close(open_regular(root.with_name("alias"), "videos/a.mp4"))


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.mp4", "videos/../../outside/secret.mp4", "link.mp4", "inner.mp4", "linked/secret.mp4",
        "pipe.mp4", "socket.mp4", "videos", "", ".", "..", "/etc/passwd", "a\0.mp4", "videos/a.mp4/x", "x" * 5000,
    ],
)  # fmt: skip
def test_everything_else_is_refused(root: Path, path: str) -> None:
    before = open_handles()
    with pytest.raises(MediaError) as caught:
        open_regular(root, path)
    assert caught.value.reason == "path"
    assert str(root) not in caught.value.message
    assert open_handles() == before


def test_an_absent_file_is_missing(root: Path) -> None:
    for path in ("videos/b.mp4", "no/such/folder.mp4"):
        with pytest.raises(MediaError) as caught:
            open_regular(root, path)
        assert caught.value.reason == "missing"


def test_what_to_write_instead_is_said(root: Path) -> None:
    for path, said in {
        "videos\\a.mp4": "no such file; folders are separated by /, not by \\",
        "videos/b.mp4": "no such file",
        str(root / "videos" / "a.mp4"): "an absolute path; write it relative to the data set's folder",
    }.items():
        with pytest.raises(MediaError) as caught:
            open_regular(root, path)
        assert caught.value.message == said


def test_a_backslash_in_a_name_is_a_letter(root: Path) -> None:
    (root / "odd\\name.mp4").write_bytes(b"")
    os.close(open_regular(root, "odd\\name.mp4"))


def test_folders_are_listed_under_the_same_rules(root: Path) -> None:
    assert list_folder(root, "videos") == ["a.mp4"]
    assert "videos" in list_folder(root, ".")
    for path in ("linked", "../outside", "videos/.."):
        with pytest.raises(MediaError):
            list_folder(root, path)


def test_devices_are_refused() -> None:
    with pytest.raises(MediaError) as caught:
        open_regular(Path("/dev"), "zero")
    assert caught.value.reason == "path"


def test_what_is_read_whole_is_limited_before_it_is_read(root: Path) -> None:
    (root / "a.txt").write_bytes(b"hello")
    assert read_regular(root / "a.txt", 5) == b"hello"
    assert read_regular(root / "a.txt", 1 << 62) == b"hello"  # so much is never reserved
    with pytest.raises(MediaError) as caught:
        read_regular(root / "a.txt", 4)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(("there", "asked"), [("Ka\u0308se", "K\u00e4se"), ("K\u00e4se", "Ka\u0308se")])
def test_a_name_may_have_its_accents_composed_or_apart(root: Path, there: str, asked: str) -> None:
    (root / there).mkdir()
    (root / there / f"{there}.mp4").write_bytes(b"cheese")
    handle = open_regular(root, f"{asked}/{asked}.mp4")
    assert os.read(handle, 100) == b"cheese"
    os.close(handle)
