"""Polishing on a data distribution whose denoiser is known exactly."""

import pytest
import torch
from torch import Tensor

from t2s.diffusion.polish import polished
from t2s.diffusion.schedule import Schedule, add_noise, cosine

COSINE = Schedule(cosine(50))
MEAN, STD = 0.1, 0.25
IDS = torch.zeros(2, 1, dtype=torch.int64)


def draw(seed: int) -> Tensor:
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def exact(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
    """E[x0 | x_t] for x0 ~ N(MEAN, STD²)."""
    a, s = (values[t].float().view(-1, 1, 1, 1, 1) for values in (COSINE.signal, COSINE.noise))
    return MEAN + a * STD**2 / (a**2 * STD**2 + s**2) * (x_t - a * MEAN)


def test_noise_that_passes_linearly_cancels() -> None:
    clips = MEAN + STD * draw(0)
    one, other = (polished(exact, clips, IDS, draw(seed), COSINE) for seed in (1, 2))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    t = torch.zeros(2, dtype=torch.int64)
    alone = [exact(add_noise(COSINE, clips, draw(seed), t), t, IDS) for seed in (1, 2)]
    assert (alone[0] - alone[1]).std() > 0.01, "a single pass lets it through"


def test_what_does_not_belong_to_the_data_shrinks_toward_it() -> None:
    clips = MEAN + STD * draw(0)
    a, s = float(COSINE.signal[0]), float(COSINE.noise[0])
    share = a**2 * STD**2 / (a**2 * STD**2 + s**2)
    found = polished(exact, clips, IDS, draw(1), COSINE)
    wanted = (MEAN + share * (clips - MEAN)).clamp(-1, 1)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_it_stays_in_range_and_asks_at_the_lowest_level(gain: float) -> None:
    asked: list[tuple[list[int], Tensor]] = []

    def loud(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        asked.append((t.tolist(), prompt_ids))
        return gain * x_t

    found = polished(loud, draw(0).clamp(-1, 1), IDS, draw(1), COSINE)
    assert found.abs().max() <= 1
    assert [t for t, _ in asked] == [[0, 0]] * 2
    assert all(prompt_ids is IDS for _, prompt_ids in asked)
