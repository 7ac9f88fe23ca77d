"""The cells of the ablation: what each one turns, on top of the root's params.yaml.

A cell's sections are the root's, changed by `base`; a cell that starts at `legacy` then takes `ancestor` and
`model.preset: legacy`, and on top of that preset the switches of its fixes and its own changes.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from t2s.data.config import DataConfig
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.evaluation.config import EvaluateConfig, RecogniserConfig
from t2s.fingerprint import fingerprint, source_digest
from t2s.models.config import ModelConfig
from t2s.paramsfile import explain, load_yaml
from t2s.presets import apply_preset
from t2s.signer.config import SignerConfig
from t2s.training.config import TrainConfig

PLAN = Path("params.yaml")  # of the experiments: every script runs in their folder
ROOT_PARAMS = Path("../params.yaml")
RESULTS = Path("results")
CLIPS = Path("data/clips")
RECOGNISER = Path("models/recogniser.safetensors")

# The code that decides a cell's figures, cell_figures.py aside. Plumbing, plots and the data readers are left out.
ROOMS = (
    "models", "diffusion", "training", "thinned.py", "signer", "assembly.py", "processes.py", "presets.py",
    "precision.py", "sampling.py", "data/clips.py", "data/statistics.py", "evaluation/arrays.py",
    "evaluation/augmentation.py", "evaluation/balance.py", "evaluation/bootstrap.py", "evaluation/config.py",
    "evaluation/distances.py", "evaluation/frechet.py", "evaluation/generation.py", "evaluation/judge.py",
    "evaluation/network.py", "evaluation/noising.py", "evaluation/real.py", "evaluation/recogniser.py",
    "evaluation/recogniser_training.py", "evaluation/recognition.py", "evaluation/reference.py",
    "evaluation/semantics.py", "evaluation/timesteps.py", "evaluation/vocabulary.py", "evaluation/wilson.py",
    "warm_start.py", "training_sheets.py",
)  # fmt: skip
PIXELS = {"signs", "num_frames", "image_size", "sampling", "crop"}  # what of data: decides the synthetic clips

Tree = dict[str, Any]


class Cell(BaseModel):
    """One row of the ablation. `change`: dotted key → value, applied last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Literal["legacy", "params"]
    fixes: list[str]
    change: dict[str, Any]


class Plan(BaseModel):
    """experiments/params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: list[int]
    decisive: list[str]
    further: list[str]
    fixes: dict[str, dict[str, Any]]
    cells: dict[str, Cell]
    figures: dict[str, list[str]]
    base: dict[str, Tree]
    ancestor: dict[str, Tree]
    smoke: Tree

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        named = {*self.decisive, *self.further, *(name for names in self.figures.values() for name in names)}
        if unknown := sorted(named - self.cells.keys()):
            raise ValueError(f"no cell is called {', '.join(unknown)}")
        if unknown := sorted({fix for cell in self.cells.values() for fix in cell.fixes} - self.fixes.keys()):
            raise ValueError(f"no fix is called {', '.join(unknown)}")
        return self

    @classmethod
    def load(cls, path: Path = PLAN) -> Self:
        """Raises UserError for a file that is missing or says what it should not."""
        try:
            return cls.model_validate(load_yaml(path))
        except ValidationError as error:
            raise UserError(f"{path}: " + "; ".join(explain(error, ""))) from None

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Every (cell, seed), in the order in which dvc.yaml runs them."""
        decisive = [(cell, seed) for seed in self.seeds for cell in self.decisive]
        return decisive + [(cell, self.seeds[0]) for cell in self.further]


@dataclass(frozen=True)
class Sections:
    """What a cell trains and how it is measured, checked. `model.preset` is `fixed`: the preset is already applied."""

    model: ModelConfig
    diffusion: DiffusionConfig
    train: TrainConfig
    evaluate: EvaluateConfig

    def as_tree(self) -> Tree:
        """The part that decides the figures: neither when red flags go up, nor evaluation that no cell does."""
        used = {"seed", "batch_size", "clips_per_sign", "timestep_clips", "bootstrap_resamples"}
        used |= self.evaluate.how.keys()
        return {
            "model": self.model.model_dump(mode="json"),
            "diffusion": self.diffusion.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json", exclude={"monitor"}),
            "evaluate": self.evaluate.model_dump(mode="json", include=used),
        }


@dataclass(frozen=True)
class DataSections:
    """The clips of all cells, and who judges what the cells generate."""

    data: DataConfig
    signer: SignerConfig
    recogniser: RecogniserConfig

    def as_tree(self) -> Tree:
        """The part that decides the figures."""
        return {
            "data": self.data.model_dump(mode="json", include=PIXELS),
            "signer": self.signer.model_dump(mode="json"),
            "recogniser": self.recogniser.model_dump(mode="json"),
        }


def cell_sections(root: Tree, plan: Plan, name: str, seed: int) -> Sections:
    """The sections of cell `name`, from the root's params.yaml as read.

    Raises:
        UserError: no such cell, a change to a key that does not exist, or a value out of range.
    """
    if name not in plan.cells:
        raise UserError(f"{PLAN}: no cell is called '{name}'; there are {', '.join(plan.cells)}")
    cell = plan.cells[name]
    tree = merged(root, plan.base)
    if cell.start == "legacy":
        tree = merged(tree, plan.ancestor)
        legacy = _checked(merged(tree, {"model": {"preset": "legacy"}}), f"cell '{name}'")
        model, train = apply_preset(legacy.model, legacy.train)
        tree["model"] = model.model_dump(mode="json") | {"preset": "fixed"}
        tree["train"] = train.model_dump(mode="json")
    for change in (*(plan.fixes[fix] for fix in cell.fixes), cell.change, {"train.seed": seed}):
        for key, value in change.items():
            turn(tree, key, value)
    return _checked(tree, f"cell '{name}'")


def data_sections(root: Tree, plan: Plan) -> DataSections:
    """The sections that all cells share. Raises UserError for a value out of range."""
    tree = merged(root, plan.base)
    try:
        return DataSections(
            DataConfig.model_validate(tree["data"]),
            SignerConfig.model_validate(tree["signer"]),
            RecogniserConfig.model_validate(tree["recogniser"]),
        )
    except ValidationError as error:
        raise UserError(f"{PLAN}: base: " + "; ".join(explain(error, error.title))) from None


def cell_fingerprint(sections: Sections, data: DataSections) -> str:
    """16 hex digits over all that decides a cell's figures, the machine aside.

    The data count by their recipe, not by their bytes: a cell that is finished elsewhere stays finished.
    """
    return fingerprint({**sections.as_tree(), **data.as_tree(), "code": code_digest()}, "", ())


@cache
def code_digest() -> str:
    """Of ROOMS and of what measures a cell, read once a process."""
    return source_digest(ROOMS) + source_digest(["cell_figures.py"], Path(__file__).parent)


def merged(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> Tree:
    """A deep copy of `tree` with the leaves of `changes` in place. Raises UserError for a key that `tree` lacks."""
    result = deepcopy(dict(tree))
    for key, value in _leaves(changes):
        turn(result, key, value)
    return result


def turn(tree: Tree, key: str, value: Any) -> None:
    """Set `tree["a"]["b"]` for key "a.b", in place. Raises UserError when it is not there to be changed."""
    *folders, last = key.split(".")
    place: Any = tree
    for folder in folders:
        place = place.get(folder) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        raise UserError(f"{PLAN}: '{key}' is no key of the root's params.yaml; check its spelling")
    place[last] = deepcopy(value)


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """{"a": {"b": 1}} → {"a.b": 1}."""
    return dict(_leaves(tree))


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        found += _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return found


def _checked(tree: Tree, what: str) -> Sections:
    classes: dict[str, type[BaseModel]] = {
        "model": ModelConfig, "diffusion": DiffusionConfig, "train": TrainConfig, "evaluate": EvaluateConfig,
    }  # fmt: skip
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, section in classes.items():
        try:
            found[name] = section.model_validate(tree[name])
        except ValidationError as error:
            problems += explain(error, name)
    if problems:
        raise UserError(f"{PLAN}: {what}: " + "; ".join(problems))
    return Sections(**found)
