"""Which parameters decay, which Muon takes, and the learning-rate curve."""

import pytest
from torch.optim import AdamW

from t2s.training.muon import Muon
from t2s.training.optimizer import learning_rate, make_optimizers, set_learning_rate


def names_of(model, optimizer, where) -> set[str]:
    chosen = {id(parameter) for group in optimizer.param_groups if where(group) for parameter in group["params"]}
    return {name for name, parameter in model.named_parameters() if id(parameter) in chosen}


def test_only_matrices_decay(lab) -> None:
    training = lab.training(model={"residual": "blend", "depth": 2})
    (adamw,) = make_optimizers(training.denoiser, training.config)
    decaying = names_of(training.denoiser, adamw, lambda group: group["weight_decay"] > 0)
    free = names_of(training.denoiser, adamw, lambda group: group["weight_decay"] == 0)
    everything = {name for name, _ in training.denoiser.named_parameters()}
    assert decaying | free == everything
    assert not decaying & free
    assert {"patches.space", "patches.time", "text.positions", "text.null", "output_scale", "blend.logit"} <= free
    assert {name for name in everything if "norm" in name or name.endswith("bias")} <= free
    assert "blocks.0.attention.qkv.weight" in decaying


def test_muon_takes_the_matrices_of_the_trunk_and_adamw_the_rest(lab) -> None:
    training = lab.training(model={"depth": 2}, optimizer="muon")
    adamw, muon = make_optimizers(training.denoiser, training.config)
    assert isinstance(adamw, AdamW)
    assert isinstance(muon, Muon)
    hidden = names_of(training.denoiser, muon, lambda group: True)
    rest = names_of(training.denoiser, adamw, lambda group: True)
    assert all(name.startswith("blocks.") for name in hidden)
    assert "blocks.1.mlp.0.weight" in hidden
    assert "blocks.1.modulation.1.weight" in rest
    assert {"text.tokens.weight", "projection.out.weight", "patches.project.weight", "blocks.0.mlp.0.bias"} <= rest
    assert hidden | rest == {name for name, _ in training.denoiser.named_parameters()}
    assert not hidden & rest


def test_wide_matrices_get_a_smaller_rate(lab) -> None:
    """256 inputs keep the rate; a patch of 3·4·8·8 = 768 pixels gets a third of it."""
    training = lab.training(model={"patch_size": 8, "tubelet_size": 4})
    optimizers = make_optimizers(training.denoiser, training.config)
    set_learning_rate(optimizers, 0.3)
    rates = {id(parameter): group["lr"] for group in optimizers[0].param_groups for parameter in group["params"]}
    of = {name: rates[id(parameter)] for name, parameter in training.denoiser.named_parameters()}
    assert of["patches.project.weight"] == pytest.approx(0.1)
    assert of["patches.project.bias"] == of["blocks.0.attention.qkv.weight"] == pytest.approx(0.3)


def test_the_rate_warms_up_stays_and_falls_to_nothing(make_train_config) -> None:
    config = make_train_config(learning_rate=0.01, warmup_steps=9, decay_fraction=0.4)
    curve = [learning_rate(config, step, 100) for step in range(100)]
    assert curve[0] == pytest.approx(0.001)
    assert curve[:10] == sorted(curve[:10])
    assert curve[9:61] == pytest.approx([0.01] * 52)
    assert curve[60:] == sorted(curve[60:], reverse=True)
    assert curve[80] == pytest.approx(0.005)
    assert 0 < curve[99] <= 0.01 / 40 + 1e-12


def test_without_warm_up_and_decay_the_rate_is_constant(make_train_config) -> None:
    config = make_train_config(warmup_steps=0, decay_fraction=0.0)
    assert {learning_rate(config, step, 10) for step in range(10)} == {config.learning_rate}


@pytest.mark.parametrize("betas", [[1.0, 0.9], [0.9, -0.1], [0.9]])
def test_betas_outside_their_range_are_refused(make_train_config, betas) -> None:
    with pytest.raises(ValueError, match="betas"):
        make_train_config(betas=betas)
