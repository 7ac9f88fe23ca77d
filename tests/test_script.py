"""A stage's script from its first line on: Ctrl-C while it imports is one quiet exit, all else is as it was."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = [
    *sorted((ROOT / "pipelines").glob("*.py")),
    *(ROOT / "experiments" / f"{name}.py" for name in ("make_data", "train_recogniser", "run_cell", "report")),
]
HAND_OVER = """
if __name__ == "__main__":
    from t2s.script import run_script

    run_script(__file__)

import os, signal
from t2s.errors import UserError
"""
START = """
import runpy, signal, sys
signal.signal(signal.SIGINT, getattr(signal, sys.argv.pop(1)))  # whoever tests in the background has it ignored
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CTRL_C = "os.kill(os.getpid(), signal.SIGINT)"


def run(folder: Path, code: str, handler: str = "default_int_handler") -> "subprocess.CompletedProcess[str]":
    """A script that hands itself over and then holds `code`."""
    script = folder / "script.py"
    script.write_text(HAND_OVER + code)
    command = [sys.executable, "-c", START, handler, str(script)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("script", STAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_stage_hands_itself_over_before_it_imports_anything(script: Path) -> None:
    first = ast.unparse(ast.parse(script.read_text("utf-8")).body[1])
    assert first.replace(", takes_arguments=True", "") == ast.unparse(ast.parse(HAND_OVER).body[0])


@pytest.mark.parametrize(
    "code",
    [CTRL_C, f"try:\n    {CTRL_C}\nexcept BaseException:\n    raise ImportError('a library made another error of it')"],
)
def test_ctrl_c_while_a_stage_imports_is_a_quiet_130(tmp_path: Path, code: str) -> None:
    done = run(tmp_path, f"{code}\ndef main(): print('ran')")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_in_a_stage_still_lets_it_clean_up(tmp_path: Path) -> None:
    done = run(tmp_path, f"def main():\n    try:\n        {CTRL_C}\n    finally:\n        print('cleaned up')")
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned up\n", "")


def test_who_ignores_ctrl_c_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, f"{CTRL_C}\ndef main():\n    {CTRL_C}\n    print('ran')", "SIG_IGN")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


@pytest.mark.parametrize("code", ["1 / 0\ndef main(): ...", "def main(): 1 / 0"])
def test_a_crash_shows_where_it_happened(tmp_path: Path, code: str) -> None:
    done = run(tmp_path, code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "1 / 0" in done.stderr
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_stage_runs_once_and_its_refusal_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "def main():\n    print('ran')\n    raise UserError('params.yaml: no such file')")
    assert (done.returncode, done.stdout, done.stderr) == (1, "ran\n", "error: params.yaml: no such file\n")
