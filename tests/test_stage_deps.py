"""dvc.yaml says what each stage uses: no more, no less. Measured on the import closure of its script."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from import_closure import PLUMBING, ROOT, closure, covers

from t2s.assembly import ROOMS

STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# The config stage reads every section's config, the report shows everything: both look at all rooms.
EVERYTHING = {"config", "report"}
CHANGE_NO_RESULT = {"preprocess", "runtime"}  # sections that say how the work is done


@pytest.mark.parametrize("stage", sorted(set(STAGES) - EVERYTHING))
def test_stage_depends_on_all_it_imports(stage: str) -> None:
    deps = [dep for dep in STAGES[stage]["deps"] if isinstance(dep, str)]
    used = closure(ROOT / "pipelines" / f"{Path(STAGES[stage]['cmd'].split()[-1]).name}")
    missing = [f for f in sorted(used) if not f.startswith(PLUMBING) and not any(covers(d, f) for d in deps)]
    assert not missing, f"dvc.yaml: stage {stage} imports {missing} without depending on them"


@pytest.mark.parametrize("stage", sorted(set(STAGES) - EVERYTHING))
def test_stage_depends_on_nothing_else(stage: str) -> None:
    used = closure(ROOT / "pipelines" / f"{Path(STAGES[stage]['cmd'].split()[-1]).name}")
    rooms = [dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    unused = [dep for dep in rooms if not any(covers(dep, file) for file in used)]
    assert not unused, f"dvc.yaml: stage {stage} depends on {unused} without importing them"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stage_depends_on_its_script(stage: str) -> None:
    assert STAGES[stage]["cmd"].split()[-1] in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", sorted(set(STAGES) - EVERYTHING))
def test_stage_depends_on_the_sections_it_reads(stage: str) -> None:
    source = (ROOT / STAGES[stage]["cmd"].split()[-1]).read_text("utf-8")
    (classes,) = re.findall(r'read_sections?\("params.yaml", ([^)]+)\)', source)
    read = {name.removesuffix("Config").lower() for name in classes.split(", ")}
    assert {param.split(".")[0] for param in STAGES[stage]["params"]} == read - CHANGE_NO_RESULT


def test_evaluation_never_retrains() -> None:
    assert not any(dep.startswith("src/t2s/evaluation") for dep in STAGES["train"]["deps"])
    assert not any(file.startswith("src/t2s/evaluation") for file in closure(ROOT / "pipelines/train.py"))


def test_another_generator_never_retrains_the_recogniser() -> None:
    rooms = ("src/t2s/models", "src/t2s/diffusion", "src/t2s/training", "src/t2s/sampling.py")
    assert not [dep for dep in STAGES["recogniser"]["deps"] if dep.startswith(rooms)]
    assert not [file for file in closure(ROOT / "pipelines/recogniser.py") if file.startswith(rooms)]


def test_sampling_and_runtime_settings_never_retrain() -> None:
    for stage in ("acquire", "preprocess", "validate", "train"):
        sections = {param.split(".")[0] for param in STAGES[stage].get("params", [])}
        assert not sections & {"sample", "runtime", "evaluate"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_kept_out_of_the_run_cache(stage: str) -> None:
    """DVC leaves out what always runs, what persists, and what has an uncached out that is no metric and no plot."""
    assert not STAGES[stage].get("always_changed")
    for kind in ("outs", "metrics", "plots"):
        for out in STAGES[stage].get(kind, []):
            for settings in out.values() if isinstance(out, dict) else []:
                assert not settings.get("persist")
                assert kind != "outs" or settings.get("cache", True), f"{stage}: {out}"


def test_a_training_knows_its_state_by_all_code_that_may_change_its_weights() -> None:
    """What train depends on and its fingerprint leaves out is named here, with why it decides no weight."""
    harmless = {
        "src/t2s/clips.py",  # contact sheets
        "src/t2s/data/encode.py",  # contact sheets
        "src/t2s/data/statistics.py",  # how noisy their clips are
        "src/t2s/diffusion/guidance.py",  # contact sheets
        "src/t2s/diffusion/solvers.py",  # contact sheets
        "src/t2s/diffusion/baselines.py",  # what skill is told by
        "src/t2s/training_sheets.py",  # contact sheets
        "src/t2s/model_metadata.py",  # what is said of the weights
        "src/t2s/device.py",  # runtime.device, which is no part of the fingerprint either
        "src/t2s/prompts.py",  # a remark about long captions
        "src/t2s/letters.py",  # how prompts are matched
    }
    deps = {dep.removeprefix("src/t2s/") for dep in STAGES["train"]["deps"] if dep.startswith("src/")}
    assert set(ROOMS) == deps - {dep.removeprefix("src/t2s/") for dep in harmless}
