"""`dvc exp run` and what compares its results."""

import csv
import json
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PLOTS = {
    f"reports/plots/{name}.csv"
    for name in ("training", "per_timestep", "ranking", "per_sign", "confusion_real", "confusion_generated")
}

HEADLINE = {"ceiling_top1", "generated_top1", "ranking_top1", "diversity", "skill_min", "skill_mean"}


def run_of(project: Any) -> dict[str, str]:
    content: dict[str, str] = json.loads(project.bytes_of("reports/run.json"))
    return content


def experiment_rows(project: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(project.answer("dvc", "exp", "show", "--csv").splitlines()))


def test_an_experiment_trains_is_tracked_and_can_be_compared(project: Any, stages_run: Any) -> None:
    before = run_of(project)
    said = project.run("dvc", "exp", "run", "--name", "lighter", "-S", "train.temporal_weight=0.3", "evaluate")
    assert stages_run(said) == ["config", "train", "evaluate"]
    after = run_of(project)
    assert after["fingerprint"] != before["fingerprint"]
    assert project.tracked_run("t2s.fingerprint", after["fingerprint"])["dvc.experiment"] == "lighter"

    row = next(row for row in experiment_rows(project) if row["Experiment"] == "lighter")
    assert float(row["train.temporal_weight"]) == 0.3
    for column in HEADLINE:
        float(row[column])
    assert row["fingerprint"] == after["fingerprint"]
    details = ("per_", "clips.", "statistics.", "last.")  # a figure per sign, signer, split or epoch is no metric
    assert [column for column in row if column.startswith(details)] == []

    changed = json.loads(project.answer("dvc", "metrics", "diff", "--json", "HEAD"))
    assert changed["reports/run.json"]["fingerprint"] == {"old": before["fingerprint"], "new": after["fingerprint"]}
    assert set(changed) == {"reports/metrics.json", "reports/run.json"}
    diversity = changed["reports/metrics.json"]["diversity"]
    assert diversity["diff"] == pytest.approx(diversity["new"] - diversity["old"])

    plots = json.loads(project.answer("dvc", "plots", "diff", "--json", "HEAD"))
    assert "errors" not in plots
    assert set(plots["data"]) >= PLOTS
    for name in PLOTS:
        assert {revision for plot in plots["data"][name] for revision in plot["revisions"]} == {"HEAD", "workspace"}


def test_an_experiment_in_a_copy_lands_in_the_same_tracking_and_leaves_the_workspace(project: Any) -> None:
    """--temp runs in a temporary copy of the checkout, which DVC deletes: nothing to keep may be written there."""
    kept = {file: project.bytes_of(file) for file in ("params.yaml", "models/t2s.safetensors", "reports/run.json")}
    project.run("dvc", "exp", "run", "--temp", "--name", "aside", "-S", "train.temporal_weight=0.7", "train")
    tags = project.tracked_run("dvc.experiment", "aside")
    assert tags["t2s.fingerprint"] != run_of(project)["fingerprint"]
    assert (project.path / "runs" / tags["t2s.fingerprint"]).is_dir()
    assert {file: project.bytes_of(file) for file in kept} == kept
    assert "aside" in [row["Experiment"] for row in experiment_rows(project)]


def test_metrics_and_plots_can_be_shown(project: Any) -> None:
    shown = json.loads(project.answer("dvc", "metrics", "show", "--json"))[""]["data"]
    assert set(shown) == {"reports/metrics.json", "reports/preprocess.json", "reports/run.json"}
    figures = shown["reports/metrics.json"]["data"]
    assert set(figures) >= HEADLINE
    assert len(figures) <= 14 and all(isinstance(value, int | float) for value in figures.values())
    project.run("dvc", "plots", "show")
    page = (project.path / "dvc_plots" / "index.html").read_text("utf-8")
    assert all(name in page for name in ("Training loss", "Skill per timestep", "Top-1 per sign", "nearest.png"))
    per_sign = "reports/plots/per_sign.csv"
    (plot,) = json.loads(project.answer("dvc", "plots", "show", "--json", per_sign))["data"][per_sign]
    assert plot["content"]["mark"] == {"type": "bar"}
    signs = plot["content"]["encoding"]["y"]
    assert (signs["field"], signs["type"]) == ("sign", "nominal")
