"""The whole ablation, made tiny, through DVC: two cells from data to report, then nothing left to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cells import Plan
from run_all import make_tiny, smoke

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("t2s") / "project"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
            patch.delenv(name)
        smoke(folder)
    return folder / "experiments"


def dvc(folder: Path, *arguments: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_two_cells_run_from_data_to_report(project: Path) -> None:
    for cell in ("legacy", "default"):
        result = json.loads((project / "results" / f"{cell}-0" / "result.json").read_text("utf-8"))
        assert len(result["per_timestep"]["skill"]) == 50
        assert set(result["skill"]) == {"low", "mid", "high"}
        assert result["generated"]["n"] == sum(map(len, result["generated"]["hits"].values())) == 8
        assert 0 <= result["generated"]["top1"] <= 1
        assert set(result["at_epochs"]) == {"5"}
        assert len(result["output_scale"]) == (0 if cell == "legacy" else 6)
        assert {sheet.name for sheet in (project / "results" / f"{cell}-0").glob("*.png")} == {
            "epoch-002.png", "epoch-005.png", "epoch-006.png",
        }  # fmt: skip
    page = (project / "report.md").read_text("utf-8")
    assert "2 of 2 runs are measured, 0 are missing." in page
    assert "Stale" not in page


def test_each_cell_is_an_mlflow_run(project: Path) -> None:
    import sqlite3

    with sqlite3.connect(project / "mlflow.db") as database:
        rows = database.execute("select name, status from runs").fetchall()
    assert sorted(rows) == [("default-0", "FINISHED"), ("legacy-0", "FINISHED")]


def test_a_second_repro_has_nothing_to_do(project: Path) -> None:
    assert "up to date" in dvc(project, "repro")


def test_a_finished_cell_is_not_trained_again_where_dvc_knows_nothing_of_it(project: Path) -> None:
    """As on another machine: the results came with git, the lock does not match."""
    path = project / "results" / "legacy-0" / "result.json"
    before = path.read_bytes()
    assert "finished before with fingerprint" in dvc(project, "repro", "--force", "--single-item", "decisive@0-legacy")
    assert path.read_bytes() == before


def test_the_tiny_plan_is_the_plan_but_for_its_size(tmp_path: Path, plan: Plan) -> None:
    make_tiny(tmp_path)
    tiny = Plan.load(tmp_path / "experiments" / "params.yaml")
    assert tiny.cells == plan.cells
    assert tiny.fixes == plan.fixes
    assert {*tiny.decisive, *tiny.further} == {"legacy", "default"}
