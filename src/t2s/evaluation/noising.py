"""Fixed noise for fair comparisons: the same clip, timestep and noise for every model and every prompt."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule, add_noise

# (x_t (B, 3, F, H, W), t (B,), prompt_ids (B, L)) → x0 (B, 3, F, H, W): any network, whatever it predicts
DenoiseX0 = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class FixedNoise:
    """Noise that depends on nothing but the seed, the clip's number and the timestep."""

    schedule: Schedule
    seed: int

    def noised(self, clip: Tensor, number: int, t: int) -> Tensor:
        """x_t of one clip (3, F, H, W), drawn on the CPU so that every device starts alike."""
        mixed = (self.seed * 1_000_003 + number) * self.schedule.num_timesteps + t
        generator = torch.Generator().manual_seed(mixed % 2**63)
        eps = torch.randn(clip.shape, generator=generator).to(clip.device)
        return add_noise(self.schedule, clip[None], eps[None], torch.tensor([t], device=clip.device))[0]


def clip_mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference per clip, (B,) float64."""
    return ((a - b).double() ** 2).flatten(1).mean(dim=1)
