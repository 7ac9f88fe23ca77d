"""Samplers on a data distribution whose denoiser is known exactly, and against diffusers' own."""

from itertools import pairwise
from typing import get_args

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from hypothesis import given
from hypothesis import strategies as st

from t2s.choices import SamplerName
from t2s.diffusion.prediction import target, to_eps, to_v
from t2s.diffusion.schedule import Schedule, cosine, linear, rescale_zero_terminal_snr, shift_logsnr
from t2s.diffusion.solvers import descending_timesteps, make_scheduler, sample, trailing_timesteps
from t2s.errors import UserError

MEAN, STD = 0.1, 0.25  # of the Gaussian pixels: far inside [-1, 1], so that clipping plays no part
SAMPLERS = get_args(SamplerName)
COSINE = Schedule(cosine(50))
IDS = torch.zeros(1, 1, dtype=torch.int64)


def exact(schedule: Schedule, kind: str, seen: list[int] | None = None):
    """E[x0 | x_t] = m + a·v / (a²·v + s²) · (x_t - a·m) for x0 ~ N(m, v), as a network of this kind says it."""

    def denoise(x_t: torch.Tensor, t: torch.Tensor, prompt_ids: torch.Tensor) -> torch.Tensor:
        if seen is not None:
            seen.append(int(t[0]))
        a, s = (values[t].float().view(-1, 1, 1, 1, 1) for values in (schedule.signal, schedule.noise))
        x0 = MEAN + a * STD**2 / (a**2 * STD**2 + s**2) * (x_t - a * MEAN)
        return {"sample": lambda *_: x0, "epsilon": to_eps, "v": to_v}[kind]("sample", x0, x_t, t, schedule)

    return denoise


def drawn(
    schedule: Schedule, sampler: str, num_steps: int, kind: str = "sample", denoise=None, to_zero: bool = False
) -> torch.Tensor:
    noise = torch.randn(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    return sample(
        denoise or exact(schedule, kind),
        noise,
        IDS,
        schedule=schedule,
        kind=kind,
        sampler=sampler,
        num_steps=num_steps,
        to_zero=to_zero,
        generator=torch.Generator().manual_seed(1),
    )


# N steps leave out part of the spread, by less than this over N: first order loses more than second.
SHRINKS = {"ddpm": 6.0, "ddim": 4.0, "dpmpp": 2.0}


@pytest.mark.parametrize("num_steps", [50, 25, 20, 12])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_exact_denoiser_gives_back_its_distribution(sampler: str, num_steps: int) -> None:
    """Also where N does not divide T = 50."""
    clips = drawn(COSINE, sampler, num_steps)
    assert clips.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert 1 - SHRINKS[sampler] / num_steps < clips.std().item() / STD < 1.02


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_more_steps_come_nearer(sampler: str) -> None:
    errors = [abs(drawn(COSINE, sampler, n).std().item() - STD) for n in (5, 12, 50)]
    assert errors == sorted(errors, reverse=True)


def test_second_order_needs_fewer_steps() -> None:
    first, second = (abs(drawn(COSINE, sampler, 25).std().item() - STD) for sampler in ("ddim", "dpmpp"))
    assert second < first / 2


@pytest.mark.parametrize("num_steps", [50, 33, 20, 12, 7, 1])
def test_ddim_does_what_its_equation_says_for_any_number_of_steps(num_steps: int) -> None:
    """Song et al. 2021, eq. 12 with sigma = 0: x' = a'·x0 + s'·eps, by hand on the exact denoiser."""
    times = trailing_timesteps(50, num_steps)
    x = torch.randn(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    for t, following in zip(times, [*times[1:], None], strict=True):
        x0 = exact(COSINE, "sample")(x, torch.tensor([t]), IDS)
        if following is None:
            x = x0
            break
        eps = to_eps("sample", x0, x, torch.tensor([t]), COSINE)
        x = COSINE.signal[following].float() * x0 + COSINE.noise[following].float() * eps
    torch.testing.assert_close(drawn(COSINE, "ddim", num_steps), x.clamp(-1, 1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_all_three_predictions_sample_the_same_clip(sampler: str) -> None:
    clips = [drawn(COSINE, sampler, 10, kind) for kind in ("sample", "v", "epsilon")]
    torch.testing.assert_close(clips[1], clips[0], atol=2e-4, rtol=0)
    torch.testing.assert_close(clips[2], clips[0], atol=2e-3, rtol=0)  # eps at t = 49 divides by a = 0.001


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("num_steps", [1, 2, 7, 12, 29, 31, 49, 50])
def test_every_number_of_steps_starts_in_noise_and_is_obeyed(sampler: str, num_steps: int) -> None:
    seen: list[int] = []
    steps: list[tuple[int, int]] = []
    clips = sample(
        exact(COSINE, "sample", seen),
        torch.randn(1, 3, 2, 2, 2, generator=torch.Generator().manual_seed(0)),
        IDS,
        schedule=COSINE,
        kind="sample",
        sampler=sampler,
        num_steps=num_steps,
        generator=torch.Generator().manual_seed(0),
        on_step=lambda done, total: steps.append((done, total)),
    )
    assert seen[0] == 49
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == num_steps
    assert steps == [(i + 1, num_steps) for i in range(num_steps)]
    assert clips.isfinite().all()


@given(st.integers(2, 1000), st.data())
def test_timesteps_fall_evenly_from_the_noisiest(num_timesteps: int, data: st.DataObject) -> None:
    num_steps = data.draw(st.integers(1, num_timesteps))
    times = trailing_timesteps(num_timesteps, num_steps)
    assert len(times) == num_steps
    assert times[0] == num_timesteps - 1
    assert times[-1] >= 0
    gaps = {a - b for a, b in pairwise(times)} | {times[-1] + 1}
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 2


@given(st.integers(2, 1000), st.data())
def test_timesteps_to_zero_fall_evenly_from_one_end_to_the_other(num_timesteps: int, data: st.DataObject) -> None:
    num_steps = data.draw(st.integers(2, num_timesteps))
    times = descending_timesteps(num_timesteps, num_steps)
    assert len(times) == num_steps
    assert (times[0], times[-1]) == (num_timesteps - 1, 0)
    gaps = {a - b for a, b in pairwise(times)}
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 2
    assert descending_timesteps(num_timesteps, 1) == [num_timesteps - 1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_on_the_way_to_zero_it_keeps_the_distribution_and_ends_there(sampler: str) -> None:
    seen: list[int] = []
    made = drawn(COSINE, sampler, 25, denoise=exact(COSINE, "sample", seen), to_zero=True)
    assert seen == descending_timesteps(50, 25)
    assert made.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert 1 - SHRINKS[sampler] / 25 < made.std().item() / STD < 1.03


@pytest.mark.parametrize("num_steps", [5, 10, 25, 50])
@pytest.mark.parametrize("kind", ["epsilon", "v", "sample"])
def test_ddim_is_the_ddim_of_diffusers(num_steps: int, kind: str) -> None:
    """Song et al. 2021; theirs is right where N divides T."""
    names = {"epsilon": "epsilon", "v": "v_prediction", "sample": "sample"}
    theirs = DDIMScheduler(
        num_train_timesteps=50, trained_betas=COSINE.betas.numpy(), prediction_type=names[kind],
        timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True,
    )  # fmt: skip
    theirs.set_timesteps(num_steps)
    x = torch.randn(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    for t in theirs.timesteps:
        x = theirs.step(exact(COSINE, kind)(x, t[None], IDS), t, x).prev_sample
    torch.testing.assert_close(drawn(COSINE, "ddim", num_steps, kind), x.clamp(-1, 1), atol=2e-3, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", ["v", "sample"])
def test_zero_terminal_snr_can_be_sampled(sampler: str, kind: str) -> None:
    schedule = Schedule(rescale_zero_terminal_snr(cosine(50)))
    clips = drawn(schedule, sampler, 25, kind)
    assert clips.isfinite().all()
    assert clips.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert 1 - SHRINKS[sampler] / 25 < clips.std().item() / STD < 1.02


@pytest.mark.parametrize("schedule", [Schedule(shift_logsnr(cosine(50), -2.6)), Schedule(linear(1000))])
@pytest.mark.parametrize("sampler", ["ddim", "dpmpp"])
def test_the_other_schedules_work_too(schedule: Schedule, sampler: str) -> None:
    assert 0.78 < drawn(schedule, sampler, 50).std().item() / STD < 1.02


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp"])
def test_deterministic_samplers_need_no_generator(sampler: str) -> None:
    noise = torch.randn(1, 3, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    options = {"schedule": COSINE, "kind": "sample", "sampler": sampler, "num_steps": 4}
    first, second = (sample(exact(COSINE, "sample"), noise, IDS, **options) for _ in range(2))
    assert torch.equal(first, second)


def test_ddpm_is_a_function_of_its_seed() -> None:
    first, second = (drawn(COSINE, "ddpm", 5) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clips_stay_in_range_whatever_the_network_says(sampler: str) -> None:
    clips = drawn(COSINE, sampler, 5, denoise=lambda x, t, ids: torch.full_like(x, 7.0))
    assert clips.abs().max() <= 1


@pytest.mark.parametrize("num_steps", [0, -1, 51])
def test_steps_outside_the_schedule_are_refused_by_name(num_steps: int) -> None:
    with pytest.raises(UserError, match=rf"num_steps {num_steps} is outside 1 … 50"):
        drawn(COSINE, "ddim", num_steps)


def test_an_unknown_sampler_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="'euler' is unknown; choose one of dpmpp, ddim, ddpm"):
        make_scheduler("euler", COSINE, "sample")


def test_the_exact_denoiser_of_this_file_is_exact() -> None:
    """Its x0-error is the posterior variance v·s² / (a²·v + s²)."""
    generator = torch.Generator().manual_seed(0)
    x0 = MEAN + STD * torch.randn(1, 1, 1, 400, 400, generator=generator)
    eps = torch.randn(x0.shape, generator=generator)
    for t in (0, 20, 40):
        a, s = COSINE.signal[t].item(), COSINE.noise[t].item()
        error = exact(COSINE, "sample")(a * x0 + s * eps, torch.tensor([t]), IDS) - target(
            "sample", x0, eps, torch.tensor([t]), COSINE
        )
        assert error.square().mean().item() == pytest.approx(STD**2 * s**2 / (a**2 * STD**2 + s**2), rel=0.02)
