"""Durable writes: in which order the disk is told, and what a dead process leaves."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from t2s import atomic
from t2s.errors import UserError


def test_content_then_name_then_folder_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the first fsync a power cut may leave a whole name with half a content, without the last no name."""
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        target = Path(f"/proc/self/fd/{handle}").readlink()
        told.append("flush folder" if target == tmp_path else f"flush {target.read_text()}")
        fsync(handle)

    def note_replace(source: Path, target: Path) -> None:
        told.append(f"rename to {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    atomic.write_text(tmp_path / "a.txt", "hello")
    assert told == ["flush hello", "rename to a.txt", "flush folder"]


def test_what_dead_processes_left_is_removed_and_what_others_are_writing_is_not(tmp_path: Path) -> None:
    died = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING], env=os.environ | {"FOLDER": str(tmp_path)}, check=False
    )
    assert died.returncode == -9
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(atomic.TEMP_PREFIX)
    earlier_self = tmp_path / f"{atomic.TEMP_PREFIX}{os.getpid()}-abc.txt"  # a container gives the same pid again
    living = tmp_path / f"{atomic.TEMP_PREFIX}{os.getppid()}-abc.txt"
    for path in (earlier_self, living):
        path.write_text("half")
    atomic.remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [living]


KILLED_WHILE_WRITING = """
import os, signal
from pathlib import Path
from t2s import atomic
with atomic.replacing(Path(os.environ["FOLDER"]) / "a.txt") as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_that_cannot_be_flushed_holds_the_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some shared folders are; any other error is one."""
    fsync, codes = os.fsync, [errno.EINVAL]

    def no_folders(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink() == tmp_path:
            raise OSError(codes[0], os.strerror(codes[0]))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", no_folders)
    atomic.write_text(tmp_path / "a.txt", "hello")
    assert (tmp_path / "a.txt").read_text() == "hello"
    codes[0] = errno.EIO
    with pytest.raises(UserError, match="cannot be written"):
        atomic.write_text(tmp_path / "b.txt", "hello")
