"""Loss weights: each formula as its paper has it, and the same loss whatever the network predicts."""

import re
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2s.diffusion.config import SNRWeightingConfig, Strategy
from t2s.diffusion.loss import mse_per_clip
from t2s.diffusion.prediction import target, to_eps, to_v
from t2s.diffusion.schedule import Schedule, add_noise, cosine, linear, rescale_zero_terminal_snr, shift_logsnr
from t2s.diffusion.weighting import STRATEGIES, USES, loss_weights, x0_mse_factor

PARAMS = Path(__file__).parents[2] / "params.yaml"
ALL = get_args(Strategy)
strategies = st.sampled_from(ALL)
gammas = st.floats(0.5, 20)
COSINE = Schedule(cosine(50))
NUMBERS = {"min_snr": 0.5, "max_snr": 20.0, "gamma": 3.0, "p2_gamma": 0.5}  # other values than those of `config`


def config(
    strategy: str, *, enabled: bool = True, low: float = 0.1, high: float = 10.0, gamma: float = 5.0, p2: float = 1.0
):
    return SNRWeightingConfig(enabled=enabled, strategy=strategy, min_snr=low, max_snr=high, gamma=gamma, p2_gamma=p2)


def test_every_strategy_of_the_config_is_implemented() -> None:
    assert set(STRATEGIES) == set(USES) == set(ALL)


@pytest.mark.parametrize("strategy", ALL)
def test_a_strategy_reacts_to_the_numbers_it_uses_and_to_no_other(strategy: Strategy) -> None:
    def weights(**changes: float) -> torch.Tensor:
        return loss_weights(config(strategy).model_copy(update=changes), COSINE, "epsilon")

    reacted_to = {name for name, other in NUMBERS.items() if not torch.equal(weights(**{name: other}), weights())}
    assert reacted_to == set(USES[strategy])


@pytest.mark.parametrize("number", NUMBERS)
def test_the_config_and_params_yaml_say_which_strategies_use_a_number(number: str) -> None:
    using = {strategy for strategy in ALL if number in USES[strategy]}
    comment = re.search(rf"^ +{number}: .*# (.*)$", PARAMS.read_text("utf-8"), re.MULTILINE)
    assert comment
    for text in (comment[1], SNRWeightingConfig.model_fields[number].description or ""):
        assert {*re.findall(r"\w+", text)} & {*ALL} == using, text


@given(strategies, gammas, st.floats(-3, 3), st.integers(0, 2**31))
def test_the_loss_is_the_same_whatever_the_network_predicts(strategy, gamma, shift, seed) -> None:
    """One network, read as an eps-, x0- and v-model: w · MSE agrees at every timestep."""
    schedule, t = Schedule(shift_logsnr(cosine(50), shift)), torch.arange(50)
    chance = torch.randn(3, 50, 3, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x0, eps, error = chance
    x_t = add_noise(schedule, x0, eps, t)
    x0_hat = x0 + 0.1 * error
    outputs = {
        "sample": x0_hat,
        "epsilon": to_eps("sample", x0_hat, x_t, t, schedule),
        "v": to_v("sample", x0_hat, x_t, t, schedule),
    }
    losses = [
        loss_weights(config(strategy, gamma=gamma), schedule, kind)
        * mse_per_clip(output.double(), target(kind, x0, eps, t, schedule).double())
        for kind, output in outputs.items()
    ]
    # mse_per_clip works in float32, in which eps at high SNR keeps about three digits
    torch.testing.assert_close(losses[1], losses[0], rtol=2e-3, atol=1e-12)
    torch.testing.assert_close(losses[2], losses[0], rtol=2e-3, atol=1e-12)


@given(strategies, gammas, st.integers(3, 1000), st.sampled_from(["epsilon", "v", "sample"]), st.booleans())
def test_weights_are_finite_and_not_negative_even_where_there_is_no_signal(
    strategy, gamma, num_timesteps, kind, enabled
) -> None:
    schedule = Schedule(rescale_zero_terminal_snr(cosine(num_timesteps)))
    assert schedule.snr[-1] == 0
    weights = loss_weights(config(strategy, gamma=gamma, enabled=enabled), schedule, kind)
    assert weights.shape == (num_timesteps,)
    assert weights.isfinite().all()
    assert (weights >= 0).all()
    assert weights.float().isfinite().all()


def test_the_seeds_formula_to_the_letter() -> None:
    """vivit-fixes.md, fix 5: loss_weight = 1.0 / torch.clamp(snr, min=0.1, max=10.0) on the noise MSE."""
    snr = COSINE.alphas_cumprod / (1.0 - COSINE.alphas_cumprod + 1e-8)
    seed = 1.0 / torch.clamp(snr, min=0.1, max=10.0)
    torch.testing.assert_close(loss_weights(config("inverse_snr"), COSINE, "epsilon"), seed, rtol=1e-5, atol=0)
    assert seed[0] == pytest.approx(0.1)  # low t is weighed DOWN, against the seed's words
    assert seed[-1] == pytest.approx(10.0)


def test_the_seeds_options_map_one_to_one() -> None:
    """USE_TIMESTEP_WEIGHTING, TIMESTEP_WEIGHT_MIN_SNR and _MAX_SNR are enabled, min_snr and max_snr."""
    off = loss_weights(config("inverse_snr", enabled=False), COSINE, "epsilon")
    assert torch.equal(off, torch.ones(50, dtype=torch.float64))
    wide = loss_weights(config("inverse_snr", low=0.5, high=20.0), COSINE, "epsilon")
    assert wide.min().item() == pytest.approx(1 / 20)
    assert wide.max().item() == pytest.approx(2.0)


def test_what_the_seed_meant_weighs_low_timesteps_up() -> None:
    weights = loss_weights(config("snr"), COSINE, "epsilon")
    assert (weights.diff() <= 0).all()
    assert weights[0].item() == pytest.approx(10.0)
    assert weights[-1].item() == pytest.approx(0.1)


@given(gammas)
def test_min_snr_in_its_three_published_forms(gamma: float) -> None:
    """Hang et al. 2023: min(SNR, γ) / SNR on eps, min(SNR, γ) on x0, min(SNR, γ) / (SNR + 1) on v."""
    snr = COSINE.snr
    clipped = snr.clamp(max=gamma)
    wanted = {"epsilon": clipped / snr, "sample": clipped, "v": clipped / (snr + 1)}
    for kind, expected in wanted.items():
        torch.testing.assert_close(loss_weights(config("min_snr", gamma=gamma), COSINE, kind), expected)


@given(gammas)
def test_soft_min_snr_is_sigmoid_weighting_and_half_of_min_snr_at_gamma(gamma: float) -> None:
    """Crowson et al. 2024: γ / (γ + SNR) = sigmoid(log γ - log SNR), between half of min_snr and all of it."""
    soft = loss_weights(config("soft_min_snr", gamma=gamma), COSINE, "epsilon")
    hard = loss_weights(config("min_snr", gamma=gamma), COSINE, "epsilon")
    bias = torch.tensor(gamma, dtype=torch.float64).log()
    torch.testing.assert_close(soft, torch.sigmoid(bias - COSINE.snr.log()))
    assert (soft <= hard).all()
    assert (soft >= hard / 2 - 1e-12).all()


def test_truncated_snr_is_max_of_snr_and_one_on_x0() -> None:
    torch.testing.assert_close(loss_weights(config("truncated_snr"), COSINE, "sample"), COSINE.snr.clamp(min=1))


@given(gammas)
def test_p2_falls_with_snr_and_is_plain_at_gamma_zero(gamma: float) -> None:
    weights = loss_weights(config("p2", p2=gamma), COSINE, "epsilon")
    torch.testing.assert_close(weights, (1 + COSINE.snr) ** -gamma)
    nearly_off = loss_weights(config("p2", p2=1e-9), COSINE, "epsilon")
    torch.testing.assert_close(nearly_off, torch.ones_like(nearly_off))


def test_debiased_is_the_inverse_root_of_snr_capped_at_1000() -> None:
    schedule = Schedule(linear(1000))
    assert schedule.snr[0] > 1000
    weights = loss_weights(config("debiased"), schedule, "epsilon")
    torch.testing.assert_close(weights, schedule.snr.clamp(max=1000).rsqrt())


@pytest.mark.parametrize(("strategy", "kind"), [("uniform", "epsilon"), ("uniform_x0", "sample"), ("uniform_v", "v")])
def test_the_uniform_strategies_are_one_on_their_own_error(strategy: str, kind: str) -> None:
    weights = loss_weights(config(strategy), COSINE, kind)
    torch.testing.assert_close(weights, torch.ones_like(weights))


def test_uniform_v_is_edms_weight_at_unit_data_variance() -> None:
    """Karras et al. 2022, λ(σ) = (σ² + 1) / σ² on the x0-error, with σ² = 1 / SNR."""
    sigma2 = 1 / COSINE.snr
    torch.testing.assert_close(loss_weights(config("uniform_v"), COSINE, "sample"), (sigma2 + 1) / sigma2)


def test_inverse_snr_is_uniform_on_x0_inside_the_clamp() -> None:
    inside = (COSINE.snr >= 0.1) & (COSINE.snr <= 10)
    weights = loss_weights(config("inverse_snr"), COSINE, "sample")[inside]
    torch.testing.assert_close(weights, torch.ones_like(weights))


def test_clamps_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"min_snr 3\.0 is above max_snr 1\.0"):
        config("snr", low=3.0, high=1.0)


@given(strategies, st.sampled_from(["epsilon", "v"]))
def test_the_error_on_x0_follows_from_any_prediction_by_the_same_identities(strategy, kind) -> None:
    """factor · MSE = MSE_x0, hence w_kind = factor · w_x0."""
    assert torch.equal(x0_mse_factor(COSINE, "sample"), torch.ones(50, dtype=torch.float64))
    on_x0 = loss_weights(config(strategy), COSINE, "sample")
    torch.testing.assert_close(loss_weights(config(strategy), COSINE, kind), x0_mse_factor(COSINE, kind) * on_x0)
