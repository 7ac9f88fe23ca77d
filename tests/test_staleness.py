"""A project's own checkpoint is used for the model that the project asks for, or refused by its keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.errors import UserError
from t2s.staleness import require_current

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
