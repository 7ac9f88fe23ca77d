"""Noise schedules: what they start and end at, t → SNR → t, and that diffusers means the same process."""

import math
from collections.abc import Callable

import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.schedule import (
    Schedule,
    add_noise,
    at,
    cosine,
    even_logsnr,
    linear,
    make_schedule,
    rescale_zero_terminal_snr,
    shift_logsnr,
)

MakeConfig = Callable[..., DiffusionConfig]
shapes = st.sampled_from([cosine, linear, even_logsnr])
lengths = st.integers(min_value=3, max_value=1000)


@given(shapes, lengths, st.floats(-8, 8), st.booleans())
def test_every_schedule_falls_from_almost_clean_to_noisier(shape, num_timesteps, shift, zero_terminal) -> None:
    abar = shift_logsnr(shape(num_timesteps), shift)
    if zero_terminal:
        abar = rescale_zero_terminal_snr(abar)
    schedule = Schedule(abar)
    assert schedule.num_timesteps == num_timesteps
    assert abar.dtype == torch.float64
    assert (abar.diff() < 0).all()
    assert 0 <= abar[-1] < abar[0] < 1
    torch.testing.assert_close(schedule.signal**2 + schedule.noise**2, torch.ones_like(abar))
    torch.testing.assert_close((1 - schedule.betas).cumprod(0), abar)


@given(shapes, lengths, st.floats(-4, 4))
def test_a_timestep_can_be_found_back_from_its_snr(shape, num_timesteps, shift) -> None:
    snr = Schedule(shift_logsnr(shape(num_timesteps), shift)).snr
    t = torch.arange(num_timesteps)
    assert torch.equal(torch.searchsorted(-snr, -snr[t]), t)
    torch.testing.assert_close(snr / (1 + snr), shift_logsnr(shape(num_timesteps), shift))


def test_cosine_reaches_noise_and_linear_at_50_does_not() -> None:
    assert cosine(50)[-1] < 1e-4
    assert linear(50)[-1].item() == pytest.approx(0.60, abs=0.005)
    assert linear(1000)[-1] < 1e-4


def test_even_logsnr_spends_as_many_steps_on_every_range(make_diffusion_config: MakeConfig) -> None:
    logsnr = make_schedule(make_diffusion_config(schedule="even_logsnr", logsnr_shift=-4.5)).snr.log()
    assert (logsnr[0].item(), logsnr[-1].item()) == (pytest.approx(3.0), pytest.approx(-12.0))
    torch.testing.assert_close(logsnr.diff(), torch.full((49,), -15 / 49, dtype=torch.float64))


def test_zero_terminal_snr_keeps_the_first_step_and_ends_in_pure_noise() -> None:
    for abar in (cosine(50), linear(50), linear(1000)):
        rescaled = rescale_zero_terminal_snr(abar)
        assert rescaled[-1] == 0
        torch.testing.assert_close(rescaled[0], abar[0])


@given(shapes, st.floats(-8, 8))
def test_the_shift_moves_log_snr_by_that_much_everywhere(shape, shift) -> None:
    before, after = Schedule(shape(50)).snr, Schedule(shift_logsnr(shape(50), shift)).snr
    torch.testing.assert_close(after.log() - before.log(), torch.full((50,), shift, dtype=torch.float64))


def test_the_config_names_shape_shift_and_rescale(make_diffusion_config: MakeConfig) -> None:
    plain = make_schedule(make_diffusion_config(num_timesteps=20, schedule="linear"))
    torch.testing.assert_close(plain.alphas_cumprod, linear(20))
    config = make_diffusion_config(num_timesteps=20, logsnr_shift=-1.0, zero_terminal_snr=True)
    expected = rescale_zero_terminal_snr(shift_logsnr(cosine(20), -1.0))
    torch.testing.assert_close(make_schedule(config).alphas_cumprod, expected)


def test_zero_terminal_snr_with_epsilon_is_refused(make_diffusion_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="predict v or sample"):
        make_diffusion_config(zero_terminal_snr=True, prediction_type="epsilon")


@pytest.mark.parametrize("shift", [0.0, -2.6])
def test_the_forward_process_is_the_one_of_diffusers(make_diffusion_config: MakeConfig, shift: float) -> None:
    schedule = make_schedule(make_diffusion_config(logsnr_shift=shift))
    theirs = DDPMScheduler(num_train_timesteps=50, trained_betas=schedule.betas.numpy())
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 50, 3, 2, 4, 4, generator=generator)
    t = torch.arange(50)
    ours = add_noise(schedule, x0, eps, t)
    torch.testing.assert_close(ours, theirs.add_noise(x0, eps, t), atol=1e-5, rtol=1e-4)


def test_cosine_is_the_squaredcos_cap_v2_of_diffusers() -> None:
    theirs = DDPMScheduler(num_train_timesteps=50, beta_schedule="squaredcos_cap_v2").alphas_cumprod
    torch.testing.assert_close(cosine(50).float(), theirs, atol=1e-6, rtol=1e-4)


def test_values_are_picked_per_clip_in_the_type_of_the_clips() -> None:
    like = torch.zeros(2, 3, 4, 5, 6, dtype=torch.bfloat16)
    picked = at(torch.arange(10.0, dtype=torch.float64), torch.tensor([7, 2]), like)
    assert picked.shape == (2, 1, 1, 1, 1)
    assert picked.dtype == torch.bfloat16
    assert picked.flatten().tolist() == [7, 2]


# design/diffusion.md, "Reading a per-timestep report": cosine, T = 50, E[x²] = 1.
TABLE = [(0, 571, 1.92), (5, 24.6, 1.60), (10, 7.3, 1.31), (25, 0.86, 0.53), (40, 0.083, 0.08), (48, 0.001, 0.001)]


@pytest.mark.parametrize(("t", "snr", "copy_error"), TABLE)
def test_the_table_of_the_copy_network(t: int, snr: float, copy_error: float) -> None:
    """A network that returns x_t as its epsilon scores abar · E[x0²] + (1 - s)²: the seed's 1.92 and 0.001."""
    schedule = Schedule(cosine(50))
    assert schedule.snr[t].item() == pytest.approx(snr, rel=0.03)
    generator = torch.Generator().manual_seed(t)
    x0, eps = torch.randn(2, 1, 200_000, dtype=torch.float64, generator=generator)
    x_t = add_noise(schedule, x0, eps, torch.tensor([t]))
    measured = (x_t - eps).square().mean().item()
    noise = schedule.noise[t].item()
    formula = schedule.alphas_cumprod[t].item() + (1 - noise) ** 2
    assert measured == pytest.approx(formula, rel=0.02)
    assert formula == pytest.approx(copy_error, rel=0.03)
    assert math.isfinite(measured)
