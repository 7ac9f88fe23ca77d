"""Polishing on a data distribution whose denoiser is known exactly."""

import torch
from torch import Tensor

from t2s.diffusion.polish import polished
from t2s.diffusion.schedule import Schedule, cosine, shift_logsnr

SCHEDULE = Schedule(shift_logsnr(cosine(50), -2.6))
IDS = torch.zeros(2, 1, dtype=torch.int64)


def draw(seed: int) -> Tensor:
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def flat(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
    """E[x0 | x_t] for clips whose frames are of one colour each, any colour being as likely: the frame's mean."""
    a = SCHEDULE.signal[t].float().view(-1, 1, 1, 1, 1)
    return (x_t / a).mean((3, 4), keepdim=True).expand(x_t.shape)


def test_grain_goes_and_what_is_drawn_stays() -> None:
    drawn = draw(0).mean((3, 4), keepdim=True).expand(2, 3, 4, 8, 8)
    found = polished(flat, (drawn + 0.1 * draw(1)).clamp(-1, 1), IDS, SCHEDULE)
    assert (found - drawn).abs().max() < 0.1
    assert found.std((3, 4)).max() < 1e-6
    torch.testing.assert_close(polished(flat, found, IDS, SCHEDULE), found, atol=1e-6, rtol=0)


def test_it_asks_once_at_the_lowest_level_and_stays_in_range() -> None:
    asked: list[tuple[Tensor, list[int], Tensor]] = []

    def loud(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        asked.append((x_t, t.tolist(), prompt_ids))
        return 3 * x_t

    clips = draw(0).clamp(-1, 1)
    found = polished(loud, clips, IDS, SCHEDULE)
    assert found.abs().max() <= 1
    ((x_t, t, prompt_ids),) = asked
    assert (t, prompt_ids is IDS) == ([0, 0], True)
    torch.testing.assert_close(x_t, SCHEDULE.signal[0].float() * clips)
