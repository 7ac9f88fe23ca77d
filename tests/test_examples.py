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
