"""The report on made-up results: what it averages, what it pairs, what it calls missing."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cells import Plan
from findings import Results, over_seeds
from run_cell import drop_stale_sheets, finished_mark

from report import write_report
from t2s.data.encode import write_png


def made_up(cell: str, seed: int, low: float, top1: float, fingerprint: str = "f") -> dict[str, Any]:
    """A result as run_cell.py writes it, of three timesteps."""
    skill = {"value": low, "ci": [low - 0.1, low + 0.1]}
    return {
        "cell": cell,
        "seed": seed,
        "fingerprint": fingerprint,
        "precision": "fp32",
        "steps": 12,
        "seconds": 3.0,
        "at_epochs": {"5": {"x0_mse": 0.5, "noisiness": 7.25, "train_loss": 1.5}},
        "output_scale": [0.5, 0.4] if cell == "all_five" else [],
        "flags": [{"name": "noisy_samples", "level": "red", "epoch": 3}] if cell == "legacy" else [],
        "per_timestep": {
            "t": [0, 1, 2],
            "snr": [100.0, 1.0, 0.01],
            "skill": [low, 0.2, 0.3],
            "skill_ci": [[low - 0.1, low + 0.1], [0.1, 0.3], [0.2, 0.4]],
        },
        "skill": {"low": skill, "mid": {"value": 0.2, "ci": [0.1, 0.3]}, "high": {"value": 0.3, "ci": [0.2, 0.4]}},
        "generated": {"top1": top1, "top1_ci": [top1 - 0.1, top1 + 0.1], "n": 8, "chance": 0.25, "hits": {}},
        "recogniser": {"ceiling_top1": 0.9, "ceiling_top1_ci": [0.8, 1.0], "chance": 0.25, "refused": None},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """legacy and all_five with three seeds, only_scale with one, everything else missing."""
    for seed, (before, after) in enumerate([(-1.0, 0.1), (-1.1, 0.2), (-1.2, 0.3)]):
        put(tmp_path, made_up("legacy", seed, before, 0.25))
        put(tmp_path, made_up("all_five", seed, after, 0.25 + 0.1 * seed))
    put(tmp_path, made_up("only_scale", 0, 0.0, 0.5, fingerprint="old"))
    write_png(tmp_path / "results" / "legacy-0" / "epoch-005.png", np.zeros((8, 8, 3), np.uint8), {"note": "made up"})
    return tmp_path


def put(folder: Path, result: dict[str, Any]) -> None:
    path = folder / "results" / f"{result['cell']}-{result['seed']}" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result), "utf-8")


def read(plan: Plan, folder: Path) -> Results:
    return Results.read(plan, folder / "results", dict.fromkeys(plan.runs, "f"))


def row(page: str, start: str) -> str:
    """The one line of the page that starts so."""
    (line,) = [line for line in page.splitlines() if line.startswith(start)]
    return line


def test_over_three_seeds_the_interval_is_students() -> None:
    interval = over_seeds([0.1, 0.2, 0.3], [[0, 1]] * 3)
    assert interval is not None
    assert interval.value == pytest.approx(0.2)
    assert interval.high == pytest.approx(0.2 + 4.303 * 0.1 / math.sqrt(3))
    assert interval.low == pytest.approx(0.2 - 4.303 * 0.1 / math.sqrt(3))


def test_a_single_seed_keeps_the_interval_over_its_clips_and_says_so() -> None:
    assert str(over_seeds([0.5], [[0.4, 0.6]])) == "0.50 [0.40, 0.60]*"
    assert str(over_seeds([0.5], [None])) == "0.50"
    assert over_seeds([], []) is None


def test_differences_are_paired_by_seed(plan: Plan, folder: Path) -> None:
    results = read(plan, folder)
    gap = results.difference("all_five", "legacy", "low")
    assert gap is not None
    assert gap.value == pytest.approx(1.3)
    assert gap.seeds == 3
    one = results.difference("only_scale", "legacy", None)
    assert one is not None
    assert (one.value, one.low, one.seeds) == (pytest.approx(0.25), None, 1)
    assert results.difference("only_temporal", "legacy", "low") is None


def test_the_page_shows_what_is_there_and_names_what_is_missing(plan: Plan, folder: Path) -> None:
    results = read(plan, folder)
    write_report(results, folder)
    page = (folder / "report.md").read_text("utf-8")
    assert f"7 of {len(plan.runs)} runs are measured, {len(plan.runs) - 7} are missing." in page
    assert "-1.10 [-1.35, -0.85]" in row(page, "| legacy | legacy |")
    assert "0.35 [0.10, 0.60]" in row(page, "| all_five | legacy + residual + scale + temporal")
    assert "0.50 [0.40, 0.60]*" in row(page, "| only_scale | legacy + scale |")
    assert row(page, "| only_temporal | legacy + temporal |").count("missing") == 5
    assert "1.30 [0.80, 1.80]" in row(page, "| all_five |  |")
    assert "7.25" in row(page, "| legacy | 0.5 |")
    assert "noisy_samples (red)" in row(page, "| legacy | none |")
    assert "0.40" in row(page, "| all_five | 0.40 ")
    assert "![legacy, epoch 5](results/legacy-0/epoch-005.png) | missing | missing" in page
    assert "- all_five, seed 0" not in page
    for cell, seed in results.missing:
        assert f"- {cell}, seed {seed}" in page.splitlines()


def test_what_older_params_or_code_made_is_called_stale(plan: Plan, folder: Path) -> None:
    write_report(read(plan, folder), folder)
    page = (folder / "report.md").read_text("utf-8")
    assert "Stale, made before params or code changed: only_scale-0." in page


def test_every_picture_the_page_names_is_there(plan: Plan, folder: Path) -> None:
    write_report(read(plan, folder), folder)
    page = (folder / "report.md").read_text("utf-8")
    named = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![Skill")]
    assert len(named) == len([title for title, cells in plan.figures.items() if {"legacy", "all_five"} & {*cells}])
    for path in named:
        assert (folder / path).read_bytes().startswith(b"\x89PNG")


def test_a_refused_recogniser_gives_no_top1_and_its_reason_is_shown(plan: Plan, tmp_path: Path) -> None:
    result = made_up("legacy", 0, -1.0, 0.25)
    result["generated"] |= {"top1": None, "top1_ci": None}
    result["recogniser"]["refused"] = "semantics refused: too near to chance"
    put(tmp_path, result)
    results = read(plan, tmp_path)
    write_report(results, tmp_path)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert results.top1("legacy") is None
    assert "**semantics refused: too near to chance**" in page
    assert row(page, "| legacy | legacy |").count("refused") == 1


def test_without_any_result_everything_is_missing(plan: Plan, tmp_path: Path) -> None:
    write_report(read(plan, tmp_path), tmp_path)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert f"0 of {len(plan.runs)} runs are measured" in page
    assert sum(line.startswith("- ") for line in page.splitlines()) == len(plan.runs)


def test_only_a_whole_result_counts_as_finished(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    assert finished_mark(path) is None
    for torn in ("", "{", "[]", '{"cell": "legacy"}'):
        path.write_text(torn, "utf-8")
        assert finished_mark(path) is None
    path.write_text('{"fingerprint": "abc"}', "utf-8")
    assert finished_mark(path) == "abc"


def test_sheets_of_an_earlier_budget_go(tmp_path: Path) -> None:
    for epoch in (5, 10, 40):
        (tmp_path / f"epoch-{epoch:03d}.png").touch()
    drop_stale_sheets(tmp_path, {5, 10, 30})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-005.png", "epoch-010.png"]
