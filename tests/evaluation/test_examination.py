"""The whole examination of a generator, end to end on the toy language."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from t2s.data.clips import ClipStore
from t2s.diffusion.schedule import Schedule
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.examination import Findings, Subject, examine
from t2s.evaluation.outputs import headline, write_findings
from t2s.evaluation.plots import plot_generated_confusion
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.tables import per_sign_rows


@pytest.fixture(scope="module")
def findings(subject: Subject, recogniser: Recogniser, store: ClipStore, evaluate_config: EvaluateConfig) -> Findings:
    return examine(subject, recogniser, store, [("down", "right", "direction")], evaluate_config)


@pytest.fixture(scope="module")
def written(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_findings(findings, folder, folder / "generated", fps=8.0)
    return folder


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, float):
        yield value


def test_a_good_generator_passes_everything(findings: Findings) -> None:
    report = findings.faithfulness
    assert report["generated"]["top1"] >= 0.9
    assert report["generated"]["n"] == 12
    assert report["generated"]["over_ceiling"] == pytest.approx(1, abs=0.1)
    assert report["shuffled"]["top1"] == pytest.approx(0.25, abs=0.03)
    assert report["ranking"]["top1"] >= 0.75
    assert report["ranking"]["ways"] == 4
    assert report["loss_gap"]["shuffled_minus_intended_ci"][0] > 0
    assert report["motion_energy_ratio"] == pytest.approx(1, abs=0.3)
    assert report["minimal_pairs"]["accuracy"] >= 0.9
    assert report["signs"] == ["blink", "down", "grow", "right"]
    assert findings.evaluation["recogniser"] == {
        "ceiling_top1": report["recogniser"]["ceiling_top1"],
        "generated_top1": report["generated"]["top1"],
        "chance": 0.25,
    }
    assert [row["t"] for row in findings.evaluation["per_timestep"]] == list(range(10))
    assert all(row["skill"] > 0 for row in findings.evaluation["per_timestep"])
    assert all(math.isfinite(value) for value in numbers(report))


def test_the_same_examination_twice_gives_the_same_files(
    subject: Subject,
    recogniser: Recogniser,
    store: ClipStore,
    evaluate_config: EvaluateConfig,
    written: Path,
    tmp_path: Path,
) -> None:
    again = examine(subject, recogniser, store, [("down", "right", "direction")], evaluate_config)
    write_findings(again, tmp_path, tmp_path / "generated", fps=8.0)
    files = sorted(path.relative_to(written) for path in written.rglob("*") if path.is_file())
    assert {path.suffix for path in files} == {".json", ".jsonl", ".csv", ".png", ".npy"}
    for path in files:
        assert (written / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_files_say_what_the_findings_say(written: Path) -> None:
    report = json.loads((written / "faithfulness.json").read_text())
    for key in ("recogniser", "generated", "shuffled", "null", "ranking", "loss_gap", "frechet", "memorisation"):
        assert key in report
    assert report["nearest_training"]["n"] == report["generated"]["n"]
    assert isinstance(report["diversity"], float)
    with (written / "plots" / "confusion_generated.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    with (written / "plots" / "per_timestep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["t"]) for row in rows] == list(range(10))
    assert {"eps_mse", "x0_mse", "v_mse", "eps_mse_zero", "eps_mse_copy", "eps_mse_wiener", "skill_low"} <= rows[
        0
    ].keys()
    clips = np.load(written / "generated" / "clips.npy", allow_pickle=False)
    lines = [json.loads(line) for line in (written / "generated" / "index.jsonl").read_text().splitlines()]
    assert clips.shape == (16, 8, 32, 32, 3)
    assert clips.dtype == np.uint8
    assert [line["condition"] for line in lines] == ["intended"] * 12 + ["null"] * 4
    assert lines[0]["prompt"] == "blink it"
    assert lines[0]["predicted"] in report["signs"]


def test_a_recogniser_at_chance_refuses_and_all_else_is_still_measured(
    subject: Subject, recogniser: Recogniser, store: ClipStore, evaluate_config: EvaluateConfig
) -> None:
    strict = recogniser.config.model_copy(update={"gate_margin": 0.76})  # above what any ceiling can exceed chance by
    closed = Recogniser(recogniser.network, recogniser.signs, strict)
    findings = examine(subject, closed, store, [], evaluate_config)
    report = findings.faithfulness
    assert "too near to chance" in report["refused"]
    assert report["generated"]["top1"] is report["shuffled"]["top1"] is report["frechet"]["generated"] is None
    assert findings.evaluation["recogniser"]["generated_top1"] is None
    assert report["ranking"]["top1"] > 0.25
    assert "evaluate/generated_top1" not in headline(findings)
    assert report["refused"] in [text.get_text() for text in plot_generated_confusion(report).axes[0].texts]
    assert per_sign_rows(report)[0]["generated_top1"] is None


def test_without_a_recogniser_too(subject: Subject, store: ClipStore, evaluate_config: EvaluateConfig) -> None:
    report = examine(subject, None, store, [], evaluate_config).faithfulness
    assert "no recogniser" in report["refused"]
    assert report["recogniser"]["ceiling_top1"] is None
    assert 0 <= report["memorisation"]["share"] <= 1


def test_of_a_single_sign_all_is_measured_that_needs_no_second(
    schedule: Schedule, make_store: Callable[..., ClipStore], evaluate_config: EvaluateConfig, tmp_path: Path
) -> None:
    store = make_store({"train": range(2), "test": range(9, 10)}, lambda shown, _: ("wave", "wave"))
    clips = torch.from_numpy(RealClips.held_out(store)[:])
    subject = Subject(
        denoise_x0=lambda x_t, t, prompt_ids: 0.5 * x_t,
        generate=lambda prompts, seeds: clips[[seed % len(clips) for seed in seeds]],
        encode=lambda prompts: torch.zeros(len(prompts), 2, dtype=torch.long),
        schedule=schedule,
        device=torch.device("cpu"),
    )
    findings = examine(subject, None, store, [], evaluate_config)
    report = findings.faithfulness
    assert "'wave' is the only sign" in report["refused"]
    assert (report["ranking"]["ways"], report["ranking"]["top1"], report["ranking"]["per_sign"]) == (1, None, {})
    assert report["loss_gap"]["shuffled_minus_intended"] is None
    assert report["loss_gap"]["null_minus_intended"] == 0
    assert report["diversity"] == pytest.approx(1, abs=0.6)
    assert report["diversity_ci"][0] > 0
    assert report["motion_energy_ratio"] > 0 and 0 <= report["memorisation"]["share"] <= 1
    assert all(math.isfinite(value) for value in numbers(report))
    write_findings(findings, tmp_path, tmp_path / "generated", fps=8.0)
    assert (tmp_path / "plots/ranking.png").exists()
    assert "evaluate/ranking_top1" not in headline(findings)


def test_sentences_of_which_one_is_held_out_are_examined(
    schedule: Schedule, make_store: Callable[..., ClipStore], evaluate_config: EvaluateConfig, tmp_path: Path
) -> None:
    store = make_store(
        {"train": range(2), "val": range(9, 10)},
        lambda shown, person: ("", "how are you" if person == 9 else f"person {person} will {shown}"),
    )
    subject = Subject(
        denoise_x0=lambda x_t, t, prompt_ids: 0.5 * x_t,
        generate=lambda prompts, seeds: torch.from_numpy(store.batch([0] * len(seeds))),
        encode=lambda prompts: torch.zeros(len(prompts), 2, dtype=torch.long),
        schedule=schedule,
        device=torch.device("cpu"),
    )
    findings = examine(subject, None, store, [], evaluate_config)
    assert "the clips name no signs" in findings.faithfulness["refused"]
    assert findings.faithfulness["ranking"]["ways"] == 8
    assert findings.faithfulness["ranking"]["top1"] == pytest.approx(1 / 8)
    write_findings(findings, tmp_path, tmp_path / "generated", fps=8.0)
