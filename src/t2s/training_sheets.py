"""What is drawn on the way of a training: the same prompts from the same noise, and how noisy the clips are."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from t2s.data.statistics import high_frequency_energy
from t2s.diffusion.config import PredictionType
from t2s.diffusion.guidance import guided
from t2s.diffusion.noise import draw_noise, seeded
from t2s.diffusion.schedule import Schedule
from t2s.diffusion.solvers import sample

GUIDANCE = 2.0


def sheet_drawer(
    prompt_ids: Tensor,
    seeds: Sequence[int],
    shape: Sequence[int],
    schedule: Schedule,
    kind: PredictionType,
    real: Tensor,
    num_steps: int,
    show: Callable[[Tensor, int], None],
) -> Callable[[nn.Module, int], dict[str, float]]:
    """A `SampleHook`: draws a clip for each prompt, shows them, and measures `noisiness`, 1 as in real clips.

    Args:
        prompt_ids: (B, L).
        seeds: B of them, of the clips' starting noise.
        shape: of a clip, (C, F, H, W).
        real: clips (n, C, F, H, W) that `noisiness` is relative to, on the device to draw on.
        num_steps: of the solver; at most T.
        show: is given the clips (B, C, F, H, W) and the epoch.
    """
    real_energy = float(np.mean(high_frequency_energy(real.cpu().numpy())))

    def draw(denoiser: nn.Module, epoch: int) -> dict[str, float]:
        made = sample(
            guided(denoiser, GUIDANCE),
            draw_noise(shape, seeded(seeds)).to(real.device),
            prompt_ids.to(real.device),
            schedule=schedule,
            kind=kind,
            sampler="dpmpp",
            num_steps=min(num_steps, schedule.num_timesteps),
        )
        show(made, epoch)
        energy = float(np.mean(high_frequency_energy(made.float().cpu().numpy())))
        return {"noisiness": energy / real_energy}

    return draw
