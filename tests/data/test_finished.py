"""Finished clips outlive a kill; what a crash cut short does not count."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from t2s.data.clip_reader import DecodedClip
from t2s.data.finished import FinishedClips
from t2s.errors import UserError

SHAPE = (2, 4, 4, 3)


def clip(seed: int) -> DecodedClip:
    pixels = np.random.default_rng(seed).integers(0, 256, SHAPE, dtype=np.uint8)
    return DecodedClip(pixels, fps=8.0 + seed, source_frames=seed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with FinishedClips(tmp_path / "state", SHAPE) as finished:
        for seed in range(3):
            finished.put(f"k{seed}", clip(seed))
    return tmp_path / "state"


def same(a: DecodedClip, b: DecodedClip) -> bool:
    return (a.pixels == b.pixels).all() and (a.fps, a.source_frames) == (b.fps, b.source_frames)


def test_clips_come_back(folder: Path) -> None:
    with FinishedClips(folder, SHAPE) as finished:
        assert finished.keys() == {"k0", "k1", "k2"}
        assert all(same(finished.get(f"k{seed}"), clip(seed)) for seed in range(3))


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_line_cut_short_does_not_count(folder: Path, cut: int) -> None:
    log = folder / "finished.jsonl"
    log.write_bytes(log.read_bytes()[:-cut])
    with FinishedClips(folder, SHAPE) as finished:
        assert finished.keys() == {"k0", "k1"}
        finished.put("k9", clip(9))
    with FinishedClips(folder, SHAPE) as finished:
        assert finished.keys() == {"k0", "k1", "k9"}
        assert same(finished.get("k9"), clip(9))
        assert same(finished.get("k1"), clip(1))


@pytest.mark.parametrize("damage", [lambda line: bytes(len(line)), lambda line: b"[1]", lambda line: b"\xff" + line])
def test_a_damaged_line_in_the_middle_costs_its_clip(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    log = folder / "finished.jsonl"
    first, second, third = log.read_bytes().splitlines()
    log.write_bytes(b"\n".join([first, damage(second), third, b""]))
    with FinishedClips(folder, SHAPE) as finished:
        assert finished.keys() == {"k0", "k2"}
        finished.put("k1", clip(1))
    with FinishedClips(folder, SHAPE) as finished:
        assert all(same(finished.get(f"k{seed}"), clip(seed)) for seed in range(3))


def test_pixels_that_changed_do_not_count(folder: Path) -> None:
    content = bytearray((folder / "pixels.bin").read_bytes())
    content[int(np.prod(SHAPE)) + 5] ^= 1
    (folder / "pixels.bin").write_bytes(bytes(content))
    with FinishedClips(folder, SHAPE) as finished:
        assert finished.keys() == {"k0", "k2"}
        finished.put("k1", clip(1))
    with FinishedClips(folder, SHAPE) as finished:
        assert all(same(finished.get(f"k{seed}"), clip(seed)) for seed in range(3))


def test_a_second_run_is_refused_and_told_the_pid(folder: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from t2s.data.finished import FinishedClips
with FinishedClips(Path({str(folder)!r}), {SHAPE}):
    print("held", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"pid {other.pid}"), FinishedClips(folder, SHAPE):
            pass
        other.communicate()
    with FinishedClips(folder, SHAPE) as finished:
        assert len(finished) == 3
