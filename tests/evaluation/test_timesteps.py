"""Errors per timestep: identities between the spaces, trivial guesses that are what they say, skill in between."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from t2s.diffusion.baselines import TrainMoments, trivial_guesses
from t2s.diffusion.prediction import to_eps, to_v
from t2s.diffusion.schedule import Schedule, add_noise, cosine, rescale_zero_terminal_snr
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.noising import FixedNoise, clip_mse
from t2s.evaluation.timesteps import timestep_errors

BOOTSTRAP = Bootstrap(100, 0)
IDS = torch.zeros(24, 2, dtype=torch.int64)


@pytest.fixture
def moments(clips: Tensor) -> TrainMoments:
    return TrainMoments(clips.mean(dim=0), float((clips**2).mean()))


def halfway(clips: Tensor, moments: TrainMoments):  # type: ignore[no-untyped-def]
    """A denoiser that knows half of every clip (by number, in batches of 24)."""
    return lambda x_t, t, ids: 0.5 * clips[: len(x_t)] + 0.5 * moments.mean_clip


def test_skill_is_the_same_in_all_three_spaces(clips: Tensor, moments: TrainMoments, schedule: Schedule) -> None:
    for errors in timestep_errors(halfway(clips, moments), schedule, clips, IDS, moments, seed=0, batch_size=24)[::3]:
        t = torch.full((24,), errors.t)
        noise = FixedNoise(schedule, seed=0)
        x_t = torch.stack([noise.noised(clip, i, errors.t) for i, clip in enumerate(clips)])
        guess = halfway(clips, moments)(x_t, t, IDS)
        best = trivial_guesses(x_t, errors.t, schedule, moments)[errors.best_baseline].expand_as(clips)
        row = errors.as_row(BOOTSTRAP)
        for space, convert in (("eps", to_eps), ("v", to_v)):
            truth = convert("sample", clips.double(), x_t.double(), t, schedule)
            mse, trivial = (
                clip_mse(convert("sample", x0.double(), x_t.double(), t, schedule), truth).mean()
                for x0 in (guess, best)
            )
            assert row[f"{space}_mse"] == pytest.approx(float(mse), rel=1e-4)
            assert row[f"{space}_mse_{errors.best_baseline}"] == pytest.approx(float(trivial), rel=1e-4)
            assert row["skill"] == pytest.approx(1 - float(mse / trivial), abs=1e-4)


def test_trivial_guesses_are_what_they_say(clips: Tensor, moments: TrainMoments, schedule: Schedule) -> None:
    rows = timestep_errors(lambda x, t, ids: x, schedule, clips, IDS, moments, seed=0, batch_size=7)
    power = float((clips**2).mean())
    for errors in rows:
        row, abar, s = (
            errors.as_row(BOOTSTRAP),
            float(schedule.alphas_cumprod[errors.t]),
            float(schedule.noise[errors.t]),
        )
        assert row["eps_mse_zero"] == pytest.approx(1, rel=0.02)
        assert row["eps_mse_copy"] == pytest.approx(abar * power + (1 - s) ** 2, rel=0.05)  # the seed's 1.92 … 0.001
        assert row["x0_mse_grey"] == pytest.approx(power, rel=1e-5)
        assert row["x0_mse_wiener"] == pytest.approx(power * s**2 / (abar * power + s**2), rel=0.05)
        assert row["x0_mse_wiener"] <= min(row["x0_mse_zero"], row["x0_mse_grey"]) * 1.02


@pytest.mark.parametrize("name", ["zero", "copy", "grey", "mean", "wiener"])
def test_a_network_that_makes_a_trivial_guess_has_no_skill(
    name: str, clips: Tensor, moments: TrainMoments, schedule: Schedule
) -> None:
    def trivial(x_t: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return trivial_guesses(x_t, int(t[0]), schedule, moments)[name]

    for errors in timestep_errors(trivial, schedule, clips, IDS, moments, seed=0, batch_size=24):
        assert errors.skill(BOOTSTRAP).value <= 1e-9
        assert np.array_equal(errors.model, errors.baselines[name])


def test_a_perfect_network_has_skill_one_and_a_finite_psnr(
    clips: Tensor, moments: TrainMoments, schedule: Schedule
) -> None:
    rows = timestep_errors(lambda x, t, ids: clips, schedule, clips, IDS, moments, seed=0, batch_size=24)
    assert [errors.t for errors in rows] == list(range(10))
    for errors in rows:
        row = errors.as_row(BOOTSTRAP)
        assert row["skill"] == 1
        assert row["skill_ci"] == [1, 1]
        assert math.isfinite(row["x0_psnr"])


def test_pure_noise_at_the_end_makes_no_nan(clips: Tensor, moments: TrainMoments) -> None:
    schedule = Schedule(rescale_zero_terminal_snr(cosine(10)))
    errors = timestep_errors(lambda x, t, ids: 0 * x, schedule, clips, IDS, moments, seed=0, batch_size=24)[-1]
    row = errors.as_row(BOOTSTRAP)
    assert row["snr"] == row["eps_mse"] == 0
    assert row["x0_mse_zero"] is None  # eps = 0 implies an infinite clip where there is no signal
    assert row["best_baseline"] == "mean"
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_noise_depends_on_seed_clip_and_timestep_only(clips: Tensor, schedule: Schedule) -> None:
    noise = FixedNoise(schedule, seed=1)
    one = noise.noised(clips[0], 4, 5)
    assert torch.equal(one, noise.noised(clips[0], 4, 5))
    for other in (
        noise.noised(clips[0], 5, 5),
        noise.noised(clips[0], 4, 6),
        FixedNoise(schedule, 2).noised(clips[0], 4, 5),
    ):
        assert not torch.equal(one, other)
    t = torch.tensor([5])
    eps = (one - schedule.signal[5] * clips[0]) / schedule.noise[5]
    assert float(eps.std()) == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(add_noise(schedule, clips[:1], eps[None].float(), t)[0], one, atol=1e-5, rtol=0)
