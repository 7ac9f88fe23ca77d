"""The examples run as they stand, with a checkpoint of any size."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "size"), [(4, 8), (8, 16)])
def test_the_python_example_runs_and_says_what_is_true(
    tmp_path: Path, make_checkpoint: Callable[..., Path], frames: int, size: int
) -> None:
    checkpoint = make_checkpoint(tmp_path / "t2s.safetensors", clip={"num_frames": frames, "image_size": size})
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(ROOT / "examples/python_api.py"), str(checkpoint), "made"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"'hello', seeds [7, 8, 9]: (3, {frames}, {size}, {size}, 3) uint8" in done.stdout
    assert "seed 9 alone is the third of them: True" in done.stdout
    joined = re.search(r"'hello thank you' as \['hello', 'thank you'\]: (\d+) frames", done.stdout)
    assert joined
    assert frames < int(joined[1]) < 2 * frames
    names = ["both.gif", "seeds-0.mp4", "seeds-1.mp4", "seeds-2.mp4", "seeds.png"]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == names
    assert all((tmp_path / "made" / name).stat().st_size > 100 for name in names)


@pytest.mark.slow
def test_signs_of_ones_own_arrays_are_learnt_and_move_their_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/train_own_arrays.py"), str(tmp_path / "made")],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    moved = {
        sign: (float(rows), float(columns))
        for sign, rows, columns in re.findall(r"'(\w+)' moved (\S+) rows and (\S+) columns", done.stdout)
    }
    towards = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    assert moved.keys() == towards.keys()
    for sign, (row, column) in towards.items():
        assert row * moved[sign][0] + column * moved[sign][1] > 2, done.stdout
        assert abs(column * moved[sign][0] + row * moved[sign][1]) < 1, done.stdout
    assert len(list((tmp_path / "made").glob("*.gif"))) == 16


@pytest.mark.slow
def test_the_lines_of_the_readme_do_what_their_comments_say(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    (lines,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    size = {"clip": {"num_frames": 16, "image_size": 64}, "model": {"patch_size": 16}}
    make_checkpoint(tmp_path / "models" / "t2s.safetensors", **size)
    done = subprocess.run(
        [sys.executable, "-c", f"{lines}\nprint(f'{{clips.frames.shape}} {{clips.frames.dtype}}')"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"clips.frames: {done.stdout.strip()}" in lines
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == [f"hello-{i}.mp4" for i in range(4)]


@pytest.mark.slow
def test_the_python_example_without_arguments_says_what_it_wants() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "examples/python_api.py")], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: ")
