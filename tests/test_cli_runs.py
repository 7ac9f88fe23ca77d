"""`t2s runs` as people meet it."""

from pathlib import Path

import pytest
from calls import Call


@pytest.fixture
def bare_project(t2s: Call, tmp_path: Path) -> Path:
    """The folder in which `t2s` is called, as far as it has to look like a project."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/train.py").touch()
    return tmp_path


def test_runs_are_listed_where_there_are_none(t2s: Call, bare_project: Path) -> None:
    assert t2s("runs", "list").out == "no saved runs\n"
    assert t2s("runs", "clean").out == ""


def test_runs_of_the_main_checkout_are_listed_from_an_experiments_copy(
    t2s: Call, bare_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = tmp_path / "main"
    (main / "runs/abc").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(main))
    assert t2s("runs", "list").out.splitlines()[1].split()[0] == "abc"


@pytest.mark.parametrize("command", ["list", "clean"])
def test_runs_asked_for_outside_a_project_say_where_to_stand(t2s: Call, command: str, tmp_path: Path) -> None:
    error = t2s("runs", command).error
    assert error.startswith(f"error: {tmp_path}: ") and error.endswith("; run from the root of a t2s project")


def test_a_run_that_is_not_there_is_named(t2s: Call, bare_project: Path) -> None:
    assert t2s("runs", "clean", "abc").error == "error: abc: no such run; `t2s runs list` names them"


def test_runs_whose_metrics_wait_for_mlflow_are_kept_unless_named(t2s: Call) -> None:
    for name in ("sent", "waiting"):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "lock").write_text("")
    Path("runs/waiting/tracking.jsonl").write_text('{"kind": "status", "time_ms": 0, "status": "RUNNING"}\n')
    done = t2s("runs", "clean")
    assert done.out == "removed sent\n"
    assert "kept waiting: its metrics wait for MLflow" in done.err
    assert t2s("runs", "clean", "waiting").out == "removed waiting\n"
    assert not list(Path("runs").iterdir())
