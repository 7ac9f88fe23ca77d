"""x0 ↔ eps ↔ v: every way round is the identity, and v is diffusers' velocity."""

from itertools import product

import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from t2s.diffusion.prediction import target, to_eps, to_v, to_x0
from t2s.diffusion.schedule import Schedule, add_noise, cosine, rescale_zero_terminal_snr, shift_logsnr

KINDS = ("epsilon", "v", "sample")
CONVERSIONS = {"epsilon": to_eps, "v": to_v, "sample": to_x0}
SHAPE = (3, 3, 2, 4, 4)  # (B, C, F, H, W)


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    x0, eps = torch.randn(2, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x0, eps


@given(st.integers(0, 2**31), st.lists(st.integers(0, 49), min_size=3, max_size=3), st.floats(-3, 3))
def test_a_perfect_prediction_of_any_kind_gives_all_three_back(seed: int, times: list[int], shift: float) -> None:
    schedule, t = Schedule(shift_logsnr(cosine(50), shift)), torch.tensor(times)
    x0, eps = drawn(seed)
    x_t = add_noise(schedule, x0, eps, t)
    for given_kind, wanted in product(KINDS, KINDS):
        known = target(given_kind, x0, eps, t, schedule)
        result = CONVERSIONS[wanted](given_kind, known, x_t, t, schedule)
        torch.testing.assert_close(result, target(wanted, x0, eps, t, schedule), atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize(("one", "other"), list(product(KINDS, KINDS)))
def test_there_and_back_is_the_identity_for_any_output(one: str, other: str) -> None:
    """Also for a wrong network: an arbitrary output, converted and converted back, is itself."""
    schedule, t = Schedule(cosine(50)), torch.tensor([0, 20, 49])
    output, x_t = drawn(0)
    there = CONVERSIONS[other](one, output, x_t, t, schedule)
    back = CONVERSIONS[one](other, there, x_t, t, schedule)
    torch.testing.assert_close(back, output, atol=1e-9, rtol=1e-9)


def test_at_zero_terminal_snr_v_is_minus_x0_and_everything_is_finite() -> None:
    schedule, t = Schedule(rescale_zero_terminal_snr(cosine(50))), torch.tensor([49, 49, 49])
    x0, eps = drawn(1)
    x_t = add_noise(schedule, x0, eps, t)
    assert torch.equal(x_t, eps)
    torch.testing.assert_close(target("v", x0, eps, t, schedule), -x0)
    for kind, convert in product(("v", "sample"), CONVERSIONS.values()):
        assert convert(kind, target(kind, x0, eps, t, schedule), x_t, t, schedule).isfinite().all()
    torch.testing.assert_close(to_x0("v", -x0, x_t, t, schedule), x0)


def test_the_velocity_is_the_one_of_diffusers() -> None:
    schedule, t = Schedule(cosine(50)), torch.tensor([0, 25, 49])
    theirs = DDPMScheduler(num_train_timesteps=50, trained_betas=schedule.betas.numpy())
    x0, eps = (tensor.float() for tensor in drawn(2))
    ours = target("v", x0, eps, t, schedule)
    torch.testing.assert_close(ours, theirs.get_velocity(x0, eps, t), atol=1e-5, rtol=1e-4)
