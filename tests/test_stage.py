"""How a stage starts and fails."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from t2s.atomic import TEMP_PREFIX
from t2s.cli import app
from t2s.stage import run_stage


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    given = ["pipelines/train.py"]
    monkeypatch.setattr(sys, "argv", given)
    return given


def test_an_option_that_a_stage_does_not_have_is_not_passed_over(arguments: list[str]) -> None:
    arguments.append("--fresh")
    with pytest.raises(SystemExit) as left:
        run_stage(lambda: None)
    assert str(left.value.code).startswith("error: --fresh: pipelines/train.py takes no arguments")
    run_stage(lambda: None, takes_arguments=True)


def an_ended_process() -> int:
    """The id of a process that is no more."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(ended.stdout)


def test_a_stage_clears_what_a_crash_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = an_ended_process()
    for folder in (".", "models", "reports/plots"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{TEMP_PREFIX}{ended}-abc.json").write_text("half")
    run_stage(lambda: None)
    assert list(tmp_path.rglob(f"{TEMP_PREFIX}*")) == []


def test_without_dvc_too_a_stage_clears_what_a_crash_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pipelines").mkdir()
    Path("pipelines/validate.py").write_text("def main() -> None: ...")
    left = Path("models") / f"{TEMP_PREFIX}{an_ended_process()}-abc.safetensors"
    left.parent.mkdir()
    left.touch()
    assert CliRunner().invoke(app, ["validate"]).exit_code == 0
    assert not left.exists()


def test_a_warning_is_one_line_without_the_code_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        run_stage(lambda: warnings.warn("the model does not know please", stacklevel=1))
    assert capsys.readouterr().err == "warning: the model does not know please\n"


def test_a_fault_of_the_system_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device", "reports/a.json")

    with pytest.raises(SystemExit) as left:
        run_stage(full)
    assert left.value.code == "error: reports/a.json: No space left on device"
