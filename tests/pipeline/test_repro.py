"""`dvc repro`: everything once, nothing twice, and after a change only what the change touches."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STAGES = ["config", "acquire", "preprocess", "validate", "recogniser", "train", "evaluate", "sample", "report"]
TRAINS_ANEW = {"train", "config"}

StagesRun = Callable[[str], list[str]]


def value(report: dict[str, Any], dotted: str) -> Any:
    for key in dotted.split("."):
        report = report[key]
    return report


def test_one_command_runs_every_stage_once(finished: Any) -> None:
    assert sorted(finished.stages_run) == sorted(STAGES)
    assert finished.stages_run[:4] == STAGES[:4]
    assert finished.stages_run[-1] == "report"


def test_everything_that_dvc_yaml_promises_is_there(finished: Any) -> None:
    for name, stage in yaml.safe_load((finished.path / "dvc.yaml").read_text("utf-8"))["stages"].items():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                path = finished.path / (next(iter(out)) if isinstance(out, dict) else out)
                assert path.is_dir() or path.stat().st_size > 0, f"{name}: {path}"


@pytest.mark.parametrize(
    ("report", "keys"),
    [
        (
            "evaluation",
            ["recogniser.ceiling_top1", "recogniser.generated_top1", "recogniser.chance"],
        ),
        (
            "faithfulness",
            [
                "recogniser.ceiling_top1",
                "generated.top1",
                "shuffled.top1",
                "null.top1",
                "ranking.top1",
                "ranking.ways",
                "loss_gap.shuffled_minus_intended",
                "frechet.generated",
                "frechet.real_floor",
                "memorisation.share",
                "diversity",
                "motion_energy_ratio",
                "sharpness_ratio",
            ],
        ),
    ],
)
def test_reports_hold_the_measures(finished: Any, report: str, keys: list[str]) -> None:
    content = json.loads(finished.bytes_of(f"reports/{report}.json"))
    for key in keys:
        assert isinstance(value(content, key), int | float), key


@pytest.mark.parametrize("key", ["generated.top1_ci", "loss_gap.shuffled_minus_intended_ci"])
def test_measures_come_with_their_interval(finished: Any, key: str) -> None:
    content = json.loads(finished.bytes_of("reports/faithfulness.json"))
    low, high = value(content, key)
    assert low <= value(content, key.removesuffix("_ci")) <= high


def test_every_timestep_is_measured(finished: Any) -> None:
    rows = json.loads(finished.bytes_of("reports/evaluation.json"))["per_timestep"]
    num_timesteps = yaml.safe_load((finished.path / "params.yaml").read_text("utf-8"))["diffusion"]["num_timesteps"]
    assert [row["t"] for row in rows] == list(range(num_timesteps))


def test_the_run_is_tracked_with_where_it_comes_from(finished: Any) -> None:
    run = json.loads(finished.bytes_of("reports/run.json"))
    tags = finished.tracked_run("t2s.fingerprint", run["fingerprint"])
    assert tags["dvc.experiment"] == "workspace"
    assert len(tags["git.revision"].removesuffix("-dirty")) == 40


def test_the_contact_sheet_says_what_it_shows(finished: Any) -> None:
    said = json.loads(finished.answer("t2s", "info", "reports/samples/contact-sheet.png"))
    assert json.loads(said["signs"]) == said["prompt"].split(", ")


def test_a_second_time_does_nothing(finished: Any, stages_run: StagesRun) -> None:
    said = finished.run("dvc", "repro")
    assert stages_run(said) == []
    assert "Data and pipelines are up to date." in said
    assert finished.answer("dvc", "status", "--json", "dvc.yaml").strip() == "{}"  # the ablation's is its own affair


@pytest.mark.parametrize(
    ("changes", "listed", "untouched"),
    [
        ({"runtime__num_workers": 1}, {"config"}, set(STAGES) - {"config"}),
        ({"evaluate__seed": 1}, {"config", "evaluate", "report"}, set(STAGES) - {"config", "evaluate", "report"}),
        ({"model__mlp_ratio": 2.0}, TRAINS_ANEW, {"acquire", "preprocess", "validate", "recogniser"}),
        ({"train__learning_rate": 0.001}, TRAINS_ANEW, {"acquire", "preprocess", "validate", "recogniser"}),
        ({"diffusion__logsnr_shift": -1.0}, TRAINS_ANEW, {"acquire", "preprocess", "validate", "recogniser"}),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_a_parameter_touches_its_own_stages(
    project: Any, stages_run: StagesRun, changes: dict[str, Any], listed: set[str], untouched: set[str]
) -> None:
    """--dry lists the stages that a change reaches directly; what their new outputs reach is known only afterwards."""
    project.set(**changes)
    would_run = set(stages_run(project.run("dvc", "repro", "--dry")))
    assert listed <= would_run
    assert not untouched & would_run


@pytest.mark.parametrize(
    ("files", "listed", "untouched"),
    [
        (["evaluation/ranking.py"], {"evaluate", "recogniser"}, {"train", "preprocess", "sample"}),
        (["models/vivit.py"], {"train", "evaluate", "sample"}, {"acquire", "preprocess", "recogniser"}),
        (["report/page.py", "cli.py", "settings.py"], {"report"}, set(STAGES) - {"report"}),
    ],
    ids=["evaluation", "models", "report and command line"],
)
def test_code_touches_the_stages_that_run_it(
    project: Any, stages_run: StagesRun, files: list[str], listed: set[str], untouched: set[str]
) -> None:
    for file in files:
        project.append(f"src/t2s/{file}", "\nADDED = 1\n")
    would_run = set(stages_run(project.run("dvc", "repro", "--dry")))
    assert listed <= would_run
    assert not untouched & would_run


def test_a_comment_trains_nothing_again(project: Any, stages_run: StagesRun) -> None:
    """DVC sees that the file differs and starts train; its fingerprint is the old one, so it only hands out its end."""
    before = project.bytes_of("models/t2s.safetensors")
    sheets = pictures(project)
    project.append("src/t2s/training/loop.py", "\n# a remark\n")
    said = project.run("dvc", "repro", "train")
    assert stages_run(said) == ["train"]
    assert "going on from step" in said
    assert tensors(project.bytes_of("models/t2s.safetensors")) == tensors(before)
    assert len(sheets) == 2
    assert pictures(project) == sheets


def pictures(project: Any) -> dict[str, bytes]:
    """The pixels of the training's sheets, without the revision that each carries."""
    found = {}
    for path in (project.path / "reports" / "training").iterdir():
        with Image.open(path) as sheet:
            found[path.name] = sheet.tobytes()
    return found


def tensors(checkpoint: bytes) -> bytes:
    """The weights, without the header that says when and from which revision."""
    return checkpoint[8 + int.from_bytes(checkpoint[:8], "little") :]


def test_other_sampling_draws_new_samples_and_a_new_report_only(project: Any, stages_run: StagesRun) -> None:
    before = {file: project.bytes_of(file) for file in ("models/t2s.safetensors", "reports/samples/contact-sheet.png")}
    project.set(sample__num_steps=4)
    assert stages_run(project.run("dvc", "repro")) == ["config", "sample", "report"]
    assert project.bytes_of("models/t2s.safetensors") == before["models/t2s.safetensors"]
    assert project.bytes_of("reports/samples/contact-sheet.png") != before["reports/samples/contact-sheet.png"]


def test_going_back_to_earlier_params_brings_back_their_results(project: Any, stages_run: StagesRun) -> None:
    reports = (
        "reports/recogniser.json",
        "reports/evaluation.json",
        "reports/faithfulness.json",
        "reports/metrics.json",
    )
    before, params = {file: project.bytes_of(file) for file in reports}, project.bytes_of("params.yaml")
    project.set(evaluate__num_steps=2, recogniser__dropout=0.1)
    assert stages_run(project.run("dvc", "repro")) == ["config", "recogniser", "evaluate", "report"]
    assert project.bytes_of("reports/faithfulness.json") != before["reports/faithfulness.json"]
    (project.path / "params.yaml").write_bytes(params)
    assert stages_run(project.run("dvc", "repro")) == []
    assert {file: project.bytes_of(file) for file in reports} == before


def test_the_page_stands_alone(finished: Any) -> None:
    """The report names no file of the machine that made it."""
    page = (finished.path / "reports" / "index.html").read_text("utf-8")
    assert str(Path(finished.path)) not in page
