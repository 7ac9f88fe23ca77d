"""Weights of a finished model begin a new training: all that fits, word by word, or a refusal by the keys."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from t2s.assembly import Recipe
from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.data.clips import ClipStore
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.models.config import BEFORE_THE_KEY, ModelConfig
from t2s.models.text import TextEncoder
from t2s.runtime_config import RuntimeConfig
from t2s.training.config import TrainConfig
from t2s.warm_start import TOKENS


class Frozen(torch.nn.Module):
    """A text encoder that is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(64, 16).requires_grad_(False)

    def forward(self, prompt_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokens = self.tokens(prompt_ids)
        return tokens, tokens.mean(1), torch.ones_like(prompt_ids, dtype=torch.bool)


@pytest.fixture
def make_recipe(
    write_clips: Callable[[Path], None], tiny_section: Callable[..., dict[str, Any]], tmp_path: Path
) -> Callable[..., Recipe]:
    """`make_recipe(init=path, model={…}, diffusion={…}, rename={"please": "tea"})`"""
    write_clips(tmp_path / "clips")

    def make(
        *,
        init: Path | None = None,
        model: dict[str, Any] | None = None,
        diffusion: dict[str, Any] | None = None,
        rename: dict[str, str] | None = None,
        train: dict[str, Any] | None = None,
        text_encoder: TextEncoder | None = None,
    ) -> Recipe:
        store = ClipStore.open(tmp_path / "clips")
        words = rename or {}
        records = tuple(replace(r, text=words.get(r.text, r.text)) for r in store.records)
        return Recipe.make(
            ModelConfig.model_validate(tiny_section("model", **(model or {}))),
            DiffusionConfig.model_validate(tiny_section("diffusion", **(diffusion or {}))),
            TrainConfig.model_validate(
                tiny_section("train", **{"init": None if init is None else str(init)} | (train or {}))
            ),
            RuntimeConfig.model_validate(tiny_section("runtime")),
            replace(store, records=records),
            text_encoder,
        )

    return make


@pytest.fixture
def trained(make_recipe: Callable[..., Recipe], tmp_path: Path) -> Path:
    """A checkpoint with weights that no seed gives."""
    recipe = make_recipe()
    tokenizer = recipe.tokenizer()
    torch.manual_seed(99)
    weights = {name: torch.randn_like(each) for name, each in recipe.denoiser(tokenizer).state_dict().items()}
    path = tmp_path / "trained.safetensors"
    save_checkpoint(path, weights, recipe.checkpoint_metadata(tokenizer, "first"))
    return path


def test_a_training_begins_with_its_weights(make_recipe: Callable[..., Recipe], trained: Path) -> None:
    recipe = make_recipe(init=trained)
    begun = recipe.denoiser(recipe.tokenizer()).state_dict()
    given = load_checkpoint(trained).tensors
    assert begun.keys() == given.keys()
    assert all(torch.equal(begun[name], given[name]) for name in given)


def test_known_words_keep_their_embedding_and_new_ones_are_fresh(
    make_recipe: Callable[..., Recipe], trained: Path
) -> None:
    """`a tea` comes before all others: each row but the special ones moves."""
    rename = {"please": "a tea"}
    recipe, fresh = make_recipe(init=trained, rename=rename), make_recipe(rename=rename)
    old, new = make_recipe().tokenizer(), recipe.tokenizer()
    begun, untouched = (each.denoiser(new).state_dict()[TOKENS] for each in (recipe, fresh))
    given = load_checkpoint(trained).tensors[TOKENS]

    def row(tokenizer: Any, word: str) -> int:
        return int(tokenizer.encode([word])[0, 0])

    for word in ("hello", "thank", "you"):
        assert torch.equal(begun[row(new, word)], given[row(old, word)])
    assert any(row(new, word) != row(old, word) for word in ("hello", "thank", "you"))
    for word in ("a", "tea"):
        assert torch.equal(begun[row(new, word)], untouched[row(new, word)])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model": {"num_heads": 1}}, r"model\.num_heads: \d → 1"),
        ({"model": {"residual": "blend"}}, r"model\.residual: '\w+' → 'blend'"),
        ({"diffusion": {"prediction_type": "v"}}, r"diffusion\.prediction_type: 'sample' → 'v'"),
        ({"diffusion": {"num_timesteps": 40}}, r"diffusion\.num_timesteps: 50 → 40"),
        ({"train": {"temporal_weight": 0.3}}, r"train\.temporal_weight: 0\.5 → 0\.3"),
        ({"text_encoder": Frozen()}, "the text encoder: 'our own' → 'Frozen'"),
    ],
)
def test_weights_of_another_network_are_refused_by_its_keys(
    make_recipe: Callable[..., Recipe], trained: Path, changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(UserError, match=rf"^train\.init: .*trained\.safetensors is of another network: {line}; set"):
        make_recipe(init=trained, **changes)


def test_weights_for_other_clips_are_refused(make_recipe: Callable[..., Recipe], trained: Path) -> None:
    saved = load_checkpoint(trained)
    grown = {**saved.tensors, "patches.time": torch.zeros(9, 9)}
    save_checkpoint(trained, grown, saved.metadata)
    recipe = make_recipe(init=trained)
    with pytest.raises(UserError, match=r"does not fit: its patches\.time is \(9, 9\), not \(.*same length and size"):
        recipe.denoiser(recipe.tokenizer())
    save_checkpoint(trained, {**saved.tensors, "more": torch.zeros(1)}, saved.metadata)
    recipe = make_recipe(init=trained)
    with pytest.raises(UserError, match=r"does not fit: it has a more, which this model lacks"):
        recipe.denoiser(recipe.tokenizer())
    missing = {name: each for name, each in saved.tensors.items() if name != "patches.time"}
    save_checkpoint(trained, missing, saved.metadata)
    recipe = make_recipe(init=trained)
    with pytest.raises(UserError, match=r"its patches\.time is not there"):
        recipe.denoiser(recipe.tokenizer())


def test_a_frozen_encoder_stays_as_it_is(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    first, second = Frozen(), Frozen()
    begun = make_recipe(text_encoder=first)
    path = tmp_path / "begun.safetensors"
    tokenizer = begun.tokenizer()
    save_checkpoint(path, begun.denoiser(tokenizer).state_dict(), begun.checkpoint_metadata(tokenizer, "first"))
    recipe, before = make_recipe(init=path, text_encoder=second), second.tokens.weight.clone()
    mark = recipe.fingerprint
    recipe.denoiser(tokenizer)
    assert torch.equal(second.tokens.weight, before)
    assert recipe.fingerprint == mark


def test_a_file_of_before_some_keys_fits_what_they_stand_for(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = make_recipe(model=BEFORE_THE_KEY)
    tokenizer = recipe.tokenizer()
    metadata = recipe.checkpoint_metadata(tokenizer, "first")
    config = metadata["config"]
    model = {key: value for key, value in config["model"].items() if key not in BEFORE_THE_KEY}
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, recipe.denoiser(tokenizer).state_dict(), metadata | {"config": config | {"model": model}})
    make_recipe(init=path, model=BEFORE_THE_KEY).denoiser(tokenizer)
    with pytest.raises(UserError, match=r"model\.qk_norm: 'rms' → 'layer'"):
        make_recipe(init=path, model=BEFORE_THE_KEY | {"qk_norm": "layer"})


@pytest.mark.parametrize(
    "changes", [{"config": None}, {"config": {"model": {}}}, {"tokenizer": "{}"}, {"tokenizer": None}]
)
def test_a_file_that_does_not_describe_itself_is_one_line(
    make_recipe: Callable[..., Recipe], trained: Path, changes: dict[str, Any]
) -> None:
    saved = load_checkpoint(trained)
    save_checkpoint(trained, saved.tensors, saved.metadata | changes)
    with pytest.raises(UserError, match=r"^train\.init: .*does not describe its own network") as refused:
        recipe = make_recipe(init=trained)
        recipe.denoiser(recipe.tokenizer())
    assert "\n" not in str(refused.value)


def test_longer_prompts_keep_the_positions_that_were_there(make_recipe: Callable[..., Recipe], trained: Path) -> None:
    given = load_checkpoint(trained).tensors["text.positions"]
    text = make_recipe().model.text.model_dump() | {"max_length": len(given) + 3}
    recipe = make_recipe(init=trained, model={"text": text})
    begun = recipe.denoiser(recipe.tokenizer()).state_dict()["text.positions"]
    assert len(begun) == len(given) + 3
    assert torch.equal(begun[: len(given)], given)


def test_no_file_is_one_line(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^train\.init: .*nowhere\.safetensors: no such file"):
        make_recipe(init=tmp_path / "nowhere.safetensors")


def test_what_it_began_with_is_in_the_fingerprint_and_in_the_metadata(
    make_recipe: Callable[..., Recipe], trained: Path, tmp_path: Path
) -> None:
    fresh, begun = make_recipe(), make_recipe(init=trained)
    assert fresh.fingerprint != begun.fingerprint
    moved = tmp_path / "moved.safetensors"
    trained.rename(moved)
    assert make_recipe(init=moved).fingerprint == begun.fingerprint  # what it holds counts, not where it lies
    saved = load_checkpoint(moved)
    save_checkpoint(moved, saved.tensors, saved.metadata | {"licence": "CC BY-NC 4.0"})
    again = make_recipe(init=moved)
    assert again.fingerprint != begun.fingerprint
    metadata = again.checkpoint_metadata(again.tokenizer(), "second")
    assert metadata["init"]["fingerprint"] == "first"
    assert metadata["init"]["learned_digest"] == fresh.store.learned_digest
    assert metadata["licence"] == "CC0; began with weights from data under CC BY-NC 4.0"
    assert "init" not in fresh.checkpoint_metadata(fresh.tokenizer(), "x")
    assert fresh.fingerprinted.keys() == begun.fingerprinted.keys() - {"init"}
