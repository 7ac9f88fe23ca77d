"""The seeded validation: same numbers every time, skill against what knows nothing, what a prompt is worth."""

import pytest
import torch

from t2s.diffusion.baselines import TrainMoments, trivial_guesses
from t2s.diffusion.schedule import Schedule, cosine, make_schedule
from t2s.training.config import ValidationConfig
from t2s.training.validation import Validation, ValidationSet

CONFIG = ValidationConfig(num_clips=6, num_timesteps=7, every_epochs=1)
SCHEDULE = Schedule(cosine(50))


@pytest.fixture
def held_out(moving_clips) -> ValidationSet:
    clips, ids = moving_clips(6, 5)
    return ValidationSet(clips, ids, ids.roll(1, 0))


def moments_of(held_out: ValidationSet) -> TrainMoments:
    return TrainMoments.of([held_out.clips.numpy()])


def measure(held_out: ValidationSet, denoiser, kind: str = "sample", batch_size: int = 6) -> dict[str, float]:
    return Validation(held_out, SCHEDULE, kind, CONFIG, batch_size, lambda: moments_of(held_out))(denoiser)


def wiener(held_out: ValidationSet):
    power = held_out.clips.square().mean()

    def denoise(x_t, t, ids):
        a2, s2 = (values[t].float().view(-1, 1, 1, 1, 1) for values in (SCHEDULE.signal**2, SCHEDULE.noise**2))
        return a2.sqrt() * power / (a2 * power + s2) * x_t

    return denoise


def test_it_measures_the_same_twice_and_whatever_the_batch_size(held_out: ValidationSet) -> None:
    first, second, other = (measure(held_out, wiener(held_out), batch_size=size) for size in (6, 6, 4))
    assert first == second
    assert other == pytest.approx(first, rel=1e-5)


def test_a_trivial_predictor_has_no_skill_and_the_truth_has_all(held_out: ValidationSet) -> None:
    moments = moments_of(held_out)

    def best_guess(x_t, t, ids):
        guesses = trivial_guesses(x_t, int(t[0]), SCHEDULE, moments)
        return min(guesses.values(), key=lambda guess: (guess - held_out.clips).square().mean().item())

    trivial, filtered = measure(held_out, best_guess), measure(held_out, wiener(held_out))
    for name in ("low", "mid", "high"):
        assert trivial[f"skill_{name}"] == pytest.approx(0, abs=1e-5)
        assert filtered[f"skill_{name}"] <= 1e-5
    zero = measure(held_out, lambda x_t, t, ids: torch.zeros_like(x_t))
    assert zero["skill_low"] < -10
    near = measure(held_out, lambda x_t, t, ids: held_out.clips + 1e-3)
    assert near["x0_mse"] == pytest.approx(1e-6, rel=1e-2)
    assert all(near[f"skill_{name}"] > 0.99 for name in ("low", "mid", "high"))


def test_copying_is_as_good_as_trivial_only_where_there_is_little_noise(held_out: ValidationSet) -> None:
    copied = measure(held_out, lambda x_t, t, ids: x_t, kind="epsilon")  # eps_hat = x_t, the ancestor
    assert copied["skill_low"] < 0
    assert copied["x0_mse_high"] > copied["x0_mse_mid"]


def test_a_prompt_that_matters_shows_in_the_gaps_and_one_that_does_not_shows_nothing(held_out: ValidationSet) -> None:
    means = {int(i): held_out.clips[held_out.prompt_ids[:, 0] == i].mean(0) for i in (2, 3, 4)}
    means[0] = held_out.clips.mean(0)
    listening = measure(held_out, lambda x_t, t, ids: torch.stack([means[int(row[0])] for row in ids]))
    assert listening["shuffled_gap"] > listening["null_gap"] > 0.1
    deaf = measure(held_out, wiener(held_out))
    assert deaf["shuffled_gap"] == deaf["null_gap"] == 0


def test_where_all_clips_have_one_prompt_none_is_exchanged(held_out: ValidationSet) -> None:
    same = torch.ones_like(held_out.prompt_ids)
    metrics = measure(ValidationSet(held_out.clips, same, same), wiener(held_out))
    assert "shuffled_gap" not in metrics
    assert metrics["null_gap"] == 0


@pytest.mark.parametrize("num_timesteps", [3, 4, 50])
def test_every_third_is_measured_however_short_the_schedule(held_out, make_diffusion_config, num_timesteps) -> None:
    schedule = make_schedule(make_diffusion_config(num_timesteps=num_timesteps))
    metrics = Validation(held_out, schedule, "sample", CONFIG, 6, lambda: moments_of(held_out))(lambda x_t, t, ids: x_t)
    assert {"x0_mse_low", "x0_mse_high", "skill_low", "skill_high", "shuffled_gap", "null_gap"} <= metrics.keys()
    assert all(torch.tensor(list(metrics.values())).isfinite())


def test_pure_noise_at_the_end_makes_no_nan(held_out: ValidationSet, make_diffusion_config) -> None:
    """At SNR 0 `eps = 0` is no guess of x0 at all, and one in ten million normal numbers is 0: then 0 x inf."""
    schedule = make_schedule(make_diffusion_config(zero_terminal_snr=True, prediction_type="v"))
    x_t = torch.zeros(1, 1, 1, 1, 2)
    guesses = trivial_guesses(x_t, 49, schedule, TrainMoments(torch.zeros(1, 1, 1, 2), 1.0))
    assert guesses["zero"].isinf().all()
    measured = Validation(held_out, schedule, "v", CONFIG, 6, lambda: moments_of(held_out))(lambda x_t, t, ids: x_t)
    assert all(torch.tensor(list(measured.values())).isfinite())
