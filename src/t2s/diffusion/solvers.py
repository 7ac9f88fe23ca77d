"""From noise to clip: one adapter over diffusers' schedulers (DDPM, DDIM, DPM-Solver++ 2M)."""

from collections.abc import Callable
from typing import Any, Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from t2s.choices import SamplerName
from t2s.diffusion.config import PredictionType
from t2s.diffusion.guidance import Denoiser
from t2s.diffusion.schedule import Schedule
from t2s.errors import UserError

_DIFFUSERS_NAMES: dict[str, str] = {"epsilon": "epsilon", "v": "v_prediction", "sample": "sample"}


class Scheduler(Protocol):
    """What `sample` asks of a diffusers scheduler.

    x_t is its whole state, variance preserving from N(0, I) on: `sample` scales neither the noise nor the network's
    input. The network is asked once for each of `timesteps`.
    """

    timesteps: Tensor

    def set_timesteps(self, *, timesteps: list[int], device: torch.device) -> None:
        """Where the solver stops on its way, descending."""
        ...

    def step(self, prediction: Tensor, t: Tensor, x_t: Tensor, **extra: Any) -> Any:
        """Something whose `prev_sample` is x at the next timestep; the last one's is x0."""
        ...


def make_scheduler(name: SamplerName, schedule: Schedule, kind: PredictionType) -> Scheduler:
    """The diffusers scheduler for our schedule, ended on x0.

    DDIM is DPM-Solver++ of first order (Lu et al. 2022, 2211.01095, §4): the same update, but with the right previous
    timestep also where the number of steps does not divide T, which diffusers' own DDIMScheduler gets wrong.

    Raises:
        UserError: an unknown sampler name.
    """
    shared = {
        "num_train_timesteps": schedule.num_timesteps,
        "trained_betas": schedule.betas.cpu().numpy(),
        "prediction_type": _DIFFUSERS_NAMES[kind],
    }
    if name == "ddpm":
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        ddpm: Scheduler = DDPMScheduler(clip_sample=True, **shared)
        return ddpm
    if name in ("ddim", "dpmpp"):
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        multistep: Scheduler = DPMSolverMultistepScheduler(
            algorithm_type="dpmsolver++",
            solver_order=1 if name == "ddim" else 2,
            final_sigmas_type="zero",
            lower_order_final=True,
            rescale_betas_zero_snr=bool(schedule.snr[-1] == 0),  # log-SNR stays finite at the end
            **shared,
        )
        return multistep
    raise UserError(f"sampler '{name}' is unknown; choose one of {', '.join(get_args(SamplerName))}")


def trailing_timesteps(num_timesteps: int, num_steps: int) -> list[int]:
    """`num_steps` timesteps, evenly from T-1 down, the last T / num_steps above clean (Lin et al. 2023, table 2).

    diffusers computes the same with a float arange, which for some counts (29 of 50) yields one step more, at t = -1.
    """
    spread: list[int] = (np.linspace(num_timesteps, 0, num_steps, endpoint=False).round().astype(int) - 1).tolist()
    return spread


def descending_timesteps(num_timesteps: int, num_steps: int) -> list[int]:
    """`num_steps` timesteps, evenly from T-1 down to 0 (diffusers' "linspace"); one alone is T-1."""
    spread: list[int] = np.linspace(num_timesteps - 1, 0, num_steps).round().astype(int).tolist()
    return spread


@torch.inference_mode()
def sample(
    denoiser: Denoiser,
    noise: Tensor,
    prompt_ids: Tensor,
    *,
    schedule: Schedule,
    kind: PredictionType,
    sampler: SamplerName,
    num_steps: int,
    to_zero: bool = False,
    generator: torch.Generator | list[torch.Generator] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Integrate from `noise` (B, C, F, H, W) ~ N(0, I) to clips in [-1, 1] of the same shape.

    Args:
        num_steps: 1 … T, each asks the denoiser once.
        to_zero: the last of them is at t = 0, which leaves more detail and more noise: for clips that are `polished`.
        generator: of the noise DDPM adds on its way, one for all clips or one a clip; the others draw none.
        on_step: called with (steps done, num_steps).

    Raises:
        UserError: num_steps outside 1 … T.
    """
    if not 1 <= num_steps <= schedule.num_timesteps:
        raise UserError(f"num_steps {num_steps} is outside 1 … {schedule.num_timesteps} (diffusion.num_timesteps)")
    scheduler = make_scheduler(sampler, schedule, kind)
    spread = descending_timesteps if to_zero else trailing_timesteps
    scheduler.set_timesteps(timesteps=spread(schedule.num_timesteps, num_steps), device=noise.device)
    extra = {"generator": generator} if sampler == "ddpm" else {}
    x = noise
    for done, t in enumerate(scheduler.timesteps, start=1):
        prediction = denoiser(x, t.long().expand(len(x)).to(x.device), prompt_ids)
        x = scheduler.step(prediction.float(), t, x, **extra).prev_sample
        if on_step:
            on_step(done, num_steps)
    return x.clamp(-1, 1)
