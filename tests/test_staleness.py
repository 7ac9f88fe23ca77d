"""A project's own checkpoint is used for the model that the project asks for, or refused by its keys."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.errors import UserError
from t2s.staleness import best_so_far, require_current, require_made

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_section, make_checkpoint) -> Callable[..., Path]:
    """`project(model={"depth": 3})`: a folder with a tiny checkpoint and the params it was made by, but for these."""
    monkeypatch.chdir(tmp_path)
    checkpoint: Path = make_checkpoint(tmp_path / "t2s.safetensors")

    def make(**changes: dict[str, Any]) -> Path:
        params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
        tiny = {name: tiny_section(name) for name in ("model", "diffusion", "train")}
        tiny["train"]["temporal_weight"] = 0.5
        tiny["data"] = params["data"] | {"num_frames": 4, "image_size": 8}
        params |= {name: section | changes.get(name, {}) for name, section in tiny.items()}
        Path("params.yaml").write_text(yaml.safe_dump(params), "utf-8")
        return checkpoint

    return make


def test_a_checkpoint_of_these_params_is_current(project: Callable[..., Path]) -> None:
    require_current(project())
    require_current(project(train={"learning_rate": 0.5, "epochs": 7}))  # another training of the same model
    require_current(project(model={"gradient_checkpointing": True}))  # the same training in less memory


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model": {"depth": 3}}, r"model\.depth: \d → 3"),
        ({"model": {"residual": "legacy"}}, r"model\.residual: '\w+' → 'legacy'"),
        ({"diffusion": {"prediction_type": "v"}}, r"diffusion\.prediction_type: 'sample' → 'v'"),
        ({"train": {"temporal_weight": 0.3}}, r"train\.temporal_weight: 0\.5 → 0\.3"),
        ({"data": {"num_frames": 8}}, r"data\.num_frames: 4 → 8"),
        ({"model": {"preset": "legacy"}}, r"train\.temporal_weight: 0\.5 → 0\.1"),
    ],
)
def test_one_of_another_model_is_refused_by_its_keys(project, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError, match=line) as refused:
        require_current(project(**changes))
    assert "\n" not in str(refused.value)
    assert "t2s.safetensors: is not of the model that params.yaml asks for" in str(refused.value)


def test_other_words_make_it_stale_too(project, write_clips: Callable[[Path], None]) -> None:
    checkpoint = project()
    write_clips(Path("data/clips"))  # they say "please" as well
    with pytest.raises(UserError) as refused:
        require_current(checkpoint)
    assert "vocabulary: ['hello', 'thank you'] → ['hello', 'please', 'thank you']" in str(refused.value)


@pytest.mark.parametrize("changes", [{"config": None}, {"config": {"model": {}}}, {"prompts": None}])
def test_a_malformed_checkpoint_is_left_to_who_reads_it(project, changes: dict[str, Any]) -> None:
    saved = load_checkpoint(project())
    save_checkpoint(Path("odd.safetensors"), saved.tensors, saved.metadata | changes)
    require_current(Path("odd.safetensors"))


def test_without_params_or_with_broken_ones_a_checkpoint_stands_for_itself(project) -> None:
    checkpoint = project(model={"depth": -1})
    require_current(checkpoint)
    Path("params.yaml").unlink()
    require_current(checkpoint)
    require_current(Path("none.safetensors"))


def test_a_file_that_is_not_there_is_named_with_the_stage_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Path("models/recogniser.safetensors")
    with pytest.raises(UserError, match=f"^{made}: no such file; run from the root of a t2s project; or else$"):
        require_made(made, "recogniser", "; or else")
    Path("dvc.yaml").touch()
    with pytest.raises(UserError, match=f"^{made}: no such file; `dvc repro recogniser` makes it$"):
        require_made(made, "recogniser")
    made.parent.mkdir()
    made.touch()
    require_made(made, "recogniser")


def test_the_best_weights_of_the_last_training_are_found(tmp_path: Path) -> None:
    assert best_so_far(tmp_path) is None
    for time, name in enumerate(("bbbb", "aaaa")):
        best = tmp_path / "runs" / name / "best.safetensors"
        best.parent.mkdir(parents=True)
        best.touch()
        os.utime(best, (time, time))
    assert best_so_far(tmp_path) == tmp_path / "runs/aaaa/best.safetensors"
