"""The lock of a folder: one process at a time, whoever only looks, and whatever an id says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from t2s import lock

# Another process that has a folder's lock, shared or alone, does something with it for a moment, and ends.
HOLDER = """
import fcntl, os, shutil, sys, time
from pathlib import Path
folder, doing = Path(sys.argv[1]), sys.argv[2]
file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
fcntl.lockf(file, fcntl.LOCK_SH if doing == "look" else fcntl.LOCK_EX)
os.pwrite(file, str(os.getpid()).encode(), 0)
print("has it", flush=True)
time.sleep(0.1)
if doing == "clean":
    shutil.rmtree(folder)
if doing == "work":
    time.sleep(60)
"""


@contextmanager
def held(folder: Path, doing: str) -> Iterator["subprocess.Popen[str]"]:
    folder.mkdir()
    arguments = [sys.executable, "-c", HOLDER, str(folder), doing]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "folder"
    lock.release(tmp_path / "folder")


def test_it_is_held_until_it_is_released(folder: Path) -> None:
    assert lock.holder(folder) is None
    lock.acquire(folder)
    assert lock.holder(folder) == str(os.getpid())
    with pytest.raises(lock.InUseError, match=str(os.getpid())):
        lock.acquire(folder)
    lock.release(folder)
    assert lock.holder(folder) is None
    lock.acquire(folder)


def test_asking_who_has_it_does_not_take_it_away(folder: Path) -> None:
    with held(folder, "work") as other:
        for _ in range(3):
            assert lock.holder(folder) == str(other.pid)
        with pytest.raises(lock.InUseError, match=str(other.pid)):
            lock.acquire(folder)
    assert lock.holder(folder) is None, "it is dead, although its id still stands there"
    assert (folder / "lock").read_text() == str(other.pid)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of it: on a busy machine another process's instant is long."""
    monkeypatch.setattr(lock, "PATIENCE_S", 60.0)


@pytest.mark.usefixtures("patience")
def test_who_only_asks_turns_nobody_away(folder: Path) -> None:
    with held(folder, "look"):
        lock.acquire(folder)


@pytest.mark.usefixtures("patience")
def test_a_folder_cleaned_away_meanwhile_is_made_and_locked_anew(folder: Path) -> None:
    with held(folder, "clean"):
        lock.acquire(folder)
    code = f"from pathlib import Path; from t2s import lock; print(lock.holder(Path({str(folder)!r})))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout == f"{os.getpid()}\n"
