"""The algebra of the cells: each fix turns its own switches of legacy and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cells import ROOMS, Plan, Sections, cell_fingerprint, cell_sections, data_sections, flat, merged
from import_closure import PLUMBING, ROOT, closure, covers

from t2s.errors import UserError
from t2s.models.config import ModelConfig
from t2s.presets import apply_preset
from t2s.training.config import TrainConfig

FIXES = {
    "residual": {"model.residual": ("legacy", "none")},
    "scale": {"model.output_scale": (None, 0.5)},
    "temporal": {"train.temporal_weight": (0.1, 0.5)},
    "projection": {"model.projection": ("two_layer", "seed")},
    "weighting": {"train.snr_weighting.enabled": (False, True)},
}
FIVE = {key: values for fix in FIXES.values() for key, values in fix.items()}


def turned(before: Sections, after: Sections) -> dict[str, tuple[Any, Any]]:
    """The dotted keys in which two cells differ, with both values."""
    old, new = flat(before.as_tree()), flat(after.as_tree())
    assert old.keys() == new.keys()
    return {key: (old[key], new[key]) for key in old if old[key] != new[key]}


@pytest.mark.parametrize("fix", FIXES)
def test_each_fix_alone_turns_its_own_switches_of_legacy(root: dict[str, Any], plan: Plan, fix: str) -> None:
    legacy, fixed = (cell_sections(root, plan, name, 0) for name in ("legacy", f"only_{fix}"))
    assert turned(legacy, fixed) == FIXES[fix]


@pytest.mark.parametrize("fix", FIXES)
def test_leaving_one_out_turns_its_switches_of_all_five_back(root: dict[str, Any], plan: Plan, fix: str) -> None:
    without, five = (cell_sections(root, plan, name, 0) for name in (f"without_{fix}", "all_five"))
    assert turned(without, five) == FIXES[fix]


def test_all_five_is_legacy_with_all_five_fixes(root: dict[str, Any], plan: Plan) -> None:
    assert turned(cell_sections(root, plan, "legacy", 0), cell_sections(root, plan, "all_five", 0)) == FIVE


def test_all_five_is_the_seeds_model_to_the_letter(root: dict[str, Any], plan: Plan) -> None:
    five = cell_sections(root, plan, "all_five", 0)
    weighting = five.train.snr_weighting
    assert five.diffusion.prediction_type == "epsilon"
    assert five.diffusion.logsnr_shift == 0
    assert (five.model.residual, five.model.output_scale, five.model.projection) == ("none", 0.5, "seed")
    assert (weighting.enabled, weighting.strategy) == (True, "inverse_snr")
    assert (weighting.min_snr, weighting.max_snr) == (0.1, 10.0)
    assert five.train.temporal_weight == 0.5


def test_legacy_is_what_the_preset_makes_of_it(root: dict[str, Any], plan: Plan) -> None:
    tree = merged(merged(root, plan.base), plan.ancestor)
    model = ModelConfig.model_validate(tree["model"] | {"preset": "legacy"})
    wanted_model, wanted_train = apply_preset(model, TrainConfig.model_validate(tree["train"]))
    legacy = cell_sections(root, plan, "legacy", 0)
    assert legacy.model == wanted_model.model_copy(update={"preset": "fixed"})
    assert legacy.train == wanted_train.model_copy(update={"seed": 0})


def test_the_default_is_the_roots_model_but_for_its_size(root: dict[str, Any], plan: Plan) -> None:
    default = flat(cell_sections(root, plan, "default", 0).as_tree())
    pinned = set(flat(plan.base)) | {"train.seed"}
    differing = {key for key, value in flat(root).items() if key in default and default[key] != value}
    assert differing <= pinned
    assert {"model.residual", "diffusion.prediction_type", "train.snr_weighting.strategy"} <= default.keys() - pinned


def test_every_cell_is_valid_has_the_budget_of_the_others_and_is_like_no_other(
    root: dict[str, Any], plan: Plan
) -> None:
    data = data_sections(root, plan)
    marks, budgets = set(), set()
    for cell, seed in plan.runs:
        sections = cell_sections(root, plan, cell, seed)
        budgets.add((sections.train.epochs, sections.train.batch_size, sections.train.learning_rate))
        marks.add(cell_fingerprint(sections, data))
    assert len(budgets) == 1
    assert len(marks) == len(plan.runs)


def test_the_decisive_cells_come_first_and_have_three_seeds(plan: Plan) -> None:
    assert plan.runs[: len(plan.decisive)] == [(cell, 0) for cell in plan.decisive]
    assert {"legacy", "all_five", "default", *(f"only_{fix}" for fix in FIXES)} <= set(plan.decisive)
    assert len(plan.seeds) >= 3
    assert set(plan.decisive) | set(plan.further) == set(plan.cells)


@pytest.mark.parametrize(("section", "key"), [("train", "monitor"), ("runtime", "num_threads"), ("sample", "seed")])
def test_what_changes_no_figure_makes_no_cell_stale(root: dict[str, Any], plan: Plan, section: str, key: str) -> None:
    other = {"monitor": root["train"]["monitor"] | {"oscillation": 0.9}, "num_threads": 3, "seed": 77}[key]
    changed = root | {section: root[section] | {key: other}}
    assert mark(changed, plan, "default") == mark(root, plan, "default")


def test_tuning_the_root_makes_only_those_cells_stale_that_stand_on_it(root: dict[str, Any], plan: Plan) -> None:
    longer = root | {"train": root["train"] | {"epochs": 99, "batch_size": 4, "learning_rate": 0.1}}
    weighting = root["train"]["snr_weighting"] | {"strategy": "p2"}
    other = root | {"train": root["train"] | {"snr_weighting": weighting}}
    assert mark(longer, plan, "default") == mark(root, plan, "default")
    assert mark(other, plan, "legacy") == mark(root, plan, "legacy")
    assert mark(other, plan, "default") != mark(root, plan, "default")


def test_a_cell_is_stale_by_all_code_that_may_change_its_figures() -> None:
    """And by no other: what its scripts import is in its fingerprint, or named here with why it changes none."""
    harmless = {
        "src/t2s/clips.py",  # sample sheets
        "src/t2s/data/encode.py",  # sample sheets
        "src/t2s/device.py",  # runtime.device
        "src/t2s/letters.py",  # how prompts are matched
        "src/t2s/model_metadata.py",  # what is said of the weights
        "src/t2s/prompts.py",  # a remark about long captions
        "src/t2s/stitching.py",  # prompts of several signs
    }
    scripts = [ROOT / "experiments" / name for name in ("run_cell.py", "cell_figures.py", "train_recogniser.py")]
    used = {file for script in scripts for file in closure(script) if not file.startswith(PLUMBING)} - harmless
    rooms = [f"src/t2s/{room}" for room in ROOMS]
    assert [file for file in sorted(used) if not any(covers(room, file) for room in rooms)] == []
    idle = {room for room in rooms if not any(covers(room, file) for file in used)}
    assert idle == {"src/t2s/signer"}  # the clips count by their recipe (make_data.py)


def mark(root: dict[str, Any], plan: Plan, cell: str) -> str:
    return cell_fingerprint(cell_sections(root, plan, cell, 0), data_sections(root, plan))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model.residul": "none"}, "model.residul"),
        ({"train.temporal_weight": -1}, "train.temporal_weight"),
        ({"diffusion.prediction_type": "x0"}, "prediction_type"),
    ],
)
def test_a_wrong_change_is_refused_by_name(
    root: dict[str, Any], plan: Plan, change: dict[str, Any], named: str
) -> None:
    cells = {**plan.cells, "all_five": plan.cells["all_five"].model_copy(update={"change": change})}
    with pytest.raises(UserError, match=named):
        cell_sections(root, plan.model_copy(update={"cells": cells}), "all_five", 0)


def test_a_plan_that_names_an_unknown_cell_is_refused(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(plan.model_dump() | {"further": ["no_such"]}), "utf-8")
    with pytest.raises(UserError, match="no_such"):
        Plan.load(path)


def test_dvc_yaml_runs_the_plan_and_leaves_the_root_alone(plan: Plan) -> None:
    here = Path(__file__).resolve().parents[2]
    stages = yaml.safe_load((here / "experiments" / "dvc.yaml").read_text("utf-8"))["stages"]
    assert stages["decisive"]["matrix"] == {"seed": "${seeds}", "cell": "${decisive}"}
    assert stages["further"]["matrix"] == {"cell": "${further}"}
    for stage in ("decisive", "further"):
        (out,) = stages[stage]["outs"]
        assert list(out.values()) == [{"cache": False, "persist": True}]  # kept in git, and not deleted before a run
    root_stages = yaml.safe_load((here / "dvc.yaml").read_text("utf-8"))["stages"]
    assert "experiments" not in str(root_stages)
    assert (here / "experiments" / ".dvc" / "config").is_file()  # a repository of its own
