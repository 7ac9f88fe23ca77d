"""One step's loss: noise the clips, predict, weigh. One value per clip; the caller takes the mean."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, mse_loss

from t2s.diffusion import prediction
from t2s.diffusion.config import PredictionType
from t2s.diffusion.loss import frame_difference_mse, mean_per_clip, motion_weight
from t2s.diffusion.schedule import Schedule, add_noise
from t2s.diffusion.weighting import loss_weights, x0_mse_factor
from t2s.training.augment import augment
from t2s.training.config import TrainConfig
from t2s.training.randomness import draw_timesteps

Denoiser = Callable[[Tensor, Tensor, Tensor, slice | None], Tensor]


@dataclass(frozen=True)
class Noised:
    """A batch with this step's chance applied. x0, eps, x_t: (B, C, F, H, W); t: (B,); prompt_ids: (B, L)."""

    x0: Tensor
    eps: Tensor
    x_t: Tensor
    t: Tensor
    prompt_ids: Tensor


class Objective:
    """The training objective that `diffusion:` and `train:` describe."""

    def __init__(self, schedule: Schedule, kind: PredictionType, config: TrainConfig) -> None:
        self.schedule, self.kind, self.config = schedule, kind, config
        self.weights = loss_weights(config.snr_weighting, schedule, kind).float()  # (T,)
        self.to_x0_mse = x0_mse_factor(schedule, kind).float()  # (T,)

    def noised(
        self,
        clips: Tensor,
        prompt_ids: Tensor,
        generator: torch.Generator,
        rank: int = 0,
        world_size: int = 1,
        pool: int = 1,
    ) -> Noised:
        """Augment, drop prompts, draw t and noise.

        With `pool` > 1 everything is what averaging pool × pool pixels of a noised clip gives: the process is linear,
        so the coarse clip obeys the same equation with noise of standard deviation 1 / pool.

        Chance is drawn for the global batch of world_size · B clips and this process takes its share, so that two
        processes with batch B do what one does with 2B.
        """
        share, device = len(clips), clips.device
        total, mine = share * world_size, slice(rank * share, (rank + 1) * share)
        t = draw_timesteps(self.config.timesteps, total, self.schedule.num_timesteps, generator)[mine]
        dropped = torch.rand(total, generator=generator, device=device)[mine] < self.config.prompt_dropout
        x0 = augment(clips, self.config.augment, generator, rank, world_size)
        x0 = avg_pool3d(x0, (1, pool, pool)) if pool > 1 else x0
        eps = torch.randn((total, *x0.shape[1:]), generator=generator, device=device)[mine].div_(pool)
        return Noised(x0, eps, add_noise(self.schedule, x0, eps, t), t, prompt_ids.masked_fill(dropped[:, None], 0))

    def __call__(self, denoiser: Denoiser, batch: Noised, shown: slice | None = None) -> tuple[Tensor, Tensor]:
        """(weighted loss per clip (B,), unweighted x0-MSE per clip (B,), detached).

        `shown`: look at these frames alone; frame differences then do not count.
        """
        frames = shown or slice(None)
        output = denoiser(batch.x_t, batch.t, batch.prompt_ids, shown).float()
        wanted = prediction.target(self.kind, batch.x0[:, :, frames], batch.eps[:, :, frames], batch.t, self.schedule)
        error = mse_loss(output, wanted, reduction="none")
        if self.config.motion_weight > 0:
            loss = mean_per_clip(error * motion_weight(batch.x0, self.config.motion_weight)[:, :, frames])
        else:
            loss = mean_per_clip(error)
        if self.config.frame_difference_weight > 0 and shown is None:
            loss = loss + self.config.frame_difference_weight * frame_difference_mse(output, wanted)
        x0_mse = mean_per_clip(error.detach()) * self.to_x0_mse.to(loss.device)[batch.t]
        return loss * self.weights.to(loss.device)[batch.t], x0_mse
