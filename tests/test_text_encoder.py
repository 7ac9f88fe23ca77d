"""A text encoder of one's own: trained around, saved with the model, and asked for again."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from t2s.assembly import Recipe, make_training
from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.data.clips import ClipStore
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.models.config import ModelConfig
from t2s.processes import make_accelerator
from t2s.runtime_config import RuntimeConfig
from t2s.sampling import Text2Sign
from t2s.tracking.tracker import SilentTracker
from t2s.training.config import TrainConfig
from t2s.training.loop import TrainResult, train

VOCABULARY = 16


class Pretrained(nn.Module):
    """A table that was made elsewhere, as a buffer, a frozen projection, and one that learns."""

    def __init__(self, width: int, seed: int = 0) -> None:
        super().__init__()
        self.table: Tensor
        self.register_buffer("table", torch.randn(VOCABULARY, 6, generator=torch.Generator().manual_seed(seed)))
        self.frozen = nn.Linear(6, width).requires_grad_(False)
        self.learnt = nn.Linear(width, width)

    def forward(self, prompt_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.learnt(self.frozen(self.table[prompt_ids]))
        return tokens, tokens.mean(1), torch.ones_like(prompt_ids, dtype=torch.bool)


class Another(Pretrained):
    """One of another class."""


@pytest.fixture
def recipe(tmp_path: Path, write_clips, tiny_section) -> Recipe:
    write_clips(tmp_path / "clips")
    model = ModelConfig.model_validate(tiny_section("model"))
    return Recipe.make(
        model,
        DiffusionConfig.model_validate(tiny_section("diffusion")),
        TrainConfig.model_validate(tiny_section("train", weight_decay=0.1)),
        RuntimeConfig.model_validate(tiny_section("runtime")),
        ClipStore.open(tmp_path / "clips"),
        Pretrained(model.width),
    )


@pytest.fixture
def trained(recipe: Recipe, tmp_path: Path) -> TrainResult:
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    return train(make_training(recipe, recipe.tokenizer(), accelerator, None, SilentTracker(), tmp_path, {}))


def saved(recipe: Recipe, trained: TrainResult, path: Path) -> Path:
    save_checkpoint(path, trained.weights, recipe.checkpoint_metadata(recipe.tokenizer(), recipe.fingerprint))
    return path


def test_training_moves_what_learns_and_nothing_else(recipe: Recipe, trained: TrainResult) -> None:
    assert isinstance(recipe.text_encoder, Pretrained)
    fresh = Pretrained(recipe.model.width).state_dict()
    assert torch.equal(trained.weights["text.table"], fresh["table"])
    frozen = recipe.text_encoder.frozen  # drawn at random when the recipe was made; weight decay would shrink it
    assert torch.equal(trained.weights["text.frozen.weight"], frozen.weight)
    assert trained.weights["text.learnt.weight"].shape == (recipe.model.width, recipe.model.width)


def test_the_model_signs_alike_after_a_round_trip(recipe: Recipe, trained: TrainResult, tmp_path: Path) -> None:
    path = saved(recipe, trained, tmp_path / "own.safetensors")
    first, second = (
        Text2Sign.from_checkpoint(path, "cpu", Pretrained(recipe.model.width, seed=seed)) for seed in (1, 2)
    )
    made = first.generate(["hello"], [3], num_steps=2)
    assert torch.equal(made, second.generate(["hello"], [3], num_steps=2))  # the file's table, whatever was given
    assert not torch.equal(made, first.generate(["please"], [3], num_steps=2))


@pytest.mark.parametrize("given", [None, Another])
def test_another_encoder_than_it_was_trained_with_is_refused(
    recipe: Recipe, trained: TrainResult, tmp_path: Path, given: type[Pretrained] | None
) -> None:
    path = saved(recipe, trained, tmp_path / "own.safetensors")
    with pytest.raises(UserError, match=r"own\.safetensors: the model was trained with Pretrained as its text encoder"):
        Text2Sign.from_checkpoint(path, "cpu", given(recipe.model.width) if given else None)


def test_a_model_with_our_encoder_takes_no_other(tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match="trained with our own as its text encoder, not with Pretrained"):
        Text2Sign(load_checkpoint(tiny_checkpoint), Pretrained(16))


def test_trainings_with_and_without_it_never_share_a_state(recipe: Recipe) -> None:
    ours = Recipe.make(recipe.model, recipe.diffusion, recipe.train, recipe.runtime, recipe.store)
    assert recipe.fingerprint != ours.fingerprint


def test_encoders_of_other_frozen_weights_never_share_a_state(recipe: Recipe) -> None:
    """What learns is in the state; a table that was made elsewhere is not, and another one is another encoder."""

    def fingerprint(encoder: Pretrained) -> str:
        return Recipe.make(
            recipe.model, recipe.diffusion, recipe.train, recipe.runtime, recipe.store, encoder
        ).fingerprint

    encoder = Pretrained(recipe.model.width)
    before = fingerprint(encoder)
    with torch.no_grad():
        encoder.learnt.weight.add_(1)
    assert fingerprint(encoder) == before
    encoder.table = encoder.table + 1
    assert fingerprint(encoder) != before


def test_what_is_no_module_is_refused(recipe: Recipe) -> None:
    def encode(prompt_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return Pretrained(recipe.model.width)(prompt_ids)

    bare = Recipe.make(recipe.model, recipe.diffusion, recipe.train, recipe.runtime, recipe.store, encode)
    with pytest.raises(TypeError, match=r"a text encoder is an nn\.Module"):
        bare.denoiser(bare.tokenizer())
