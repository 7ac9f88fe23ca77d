"""One step's loss: noise the clips, predict, weigh. One value per clip; the caller takes the mean."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from t2s.diffusion import prediction
from t2s.diffusion.config import PredictionType
from t2s.diffusion.loss import frame_difference_mse, mean_per_clip, motion_weight
from t2s.diffusion.noise import draw_noise
from t2s.diffusion.schedule import Schedule, add_noise
from t2s.diffusion.weighting import loss_weights, x0_mse_factor
from t2s.thinned import Thinned, averaged
from t2s.training.augment import augment
from t2s.training.config import TrainConfig
from t2s.training.randomness import clip_generators, draw_timesteps

# (x_t, t, prompt_ids, thinned) → the prediction, of x_t's shape. With `train.coarse_fraction` x_t may be averaged, and
# is answered at its own size; with `train.thin_frames` it may hold some frames only, as `thinned` tells, else None.
Denoiser = Callable[[Tensor, Tensor, Tensor, Thinned | None], Tensor]


@dataclass(frozen=True)
class Noised:
    """A batch with this step's chance applied.

    x0, eps, x_t: (B, C, F, H, W), of the frames that count; t: (B,); prompt_ids: (B, L); pixel_weight:
    (B, 1, F, H, W), None where all pixels weigh the same; thinned: None where all frames count.
    """

    x0: Tensor
    eps: Tensor
    x_t: Tensor
    t: Tensor
    prompt_ids: Tensor
    pixel_weight: Tensor | None = None
    thinned: Thinned | None = None

    def part(self, some: slice) -> "Noised":
        """Only these clips of the batch."""
        return Noised(
            self.x0[some],
            self.eps[some],
            self.x_t[some],
            self.t[some],
            self.prompt_ids[some],
            None if self.pixel_weight is None else self.pixel_weight[some],
            None if self.thinned is None else self.thinned.part(some),
        )


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
        frames: slice | None = None,
    ) -> Noised:
        """Augment, drop prompts, draw t and noise. clips: (B, C, F, H, W) in [-1, 1]; prompt_ids: (B, L).

        With `pool` > 1 everything is what averaging pool × pool pixels of a noised clip gives: the process is linear,
        so the coarse clip obeys the same equation with noise of standard deviation 1 / pool. With `frames` (see
        `Thinned`; `pool` is then the network's) those are noised at full size and count alone; the others are there
        averaged, for the trunk to see.

        Two processes with batch B do what one does with 2B: the few numbers of t, prompts and colours are drawn for the
        global batch of world_size · B clips, and each clip's noise comes from the stream of its place there.
        """
        share, device = len(clips), clips.device
        total, mine = share * world_size, slice(rank * share, (rank + 1) * share)
        t = draw_timesteps(self.config.timesteps, total, self.schedule.num_timesteps, generator)[mine]
        dropped = torch.rand(total, generator=generator, device=device)[mine] < self.config.prompt_dropout
        prompt_ids = prompt_ids.masked_fill(dropped[:, None], 0)
        whole = augment(clips, self.config.augment, generator, rank, world_size)
        coarse = averaged(whole, pool)
        streams = clip_generators(generator, range(rank * share, (rank + 1) * share))
        coarse_eps = draw_noise(coarse.shape[1:], streams).div_(pool)
        coarse_x_t = add_noise(self.schedule, coarse, coarse_eps, t)
        if frames is None:
            return Noised(coarse, coarse_eps, coarse_x_t, t, prompt_ids, self._pixel_weight(coarse))
        x0, weight = whole[:, :, frames], self._pixel_weight(whole)
        eps = draw_noise(x0.shape[1:], streams)
        x_t = add_noise(self.schedule, x0, eps, t)
        coarse_x_t[:, :, frames] = averaged(x_t, pool)  # what the trunk sees of a frame is what the convolutions see
        weight = None if weight is None else weight[:, :, frames]
        return Noised(x0, eps, x_t, t, prompt_ids, weight, Thinned(frames, coarse_x_t))

    def _pixel_weight(self, x0: Tensor) -> Tensor | None:
        """Of whole clips, None where all pixels weigh the same: motion is told from the mean of all frames."""
        strength = self.config.motion_weight
        return motion_weight(x0, strength) if strength > 0 else None

    def __call__(self, denoiser: Denoiser, batch: Noised) -> tuple[Tensor, Tensor]:
        """(weighted loss per clip (B,), unweighted x0-MSE per clip (B,), detached).

        Frame differences count in steps that see all frames.
        """
        output = denoiser(batch.x_t, batch.t, batch.prompt_ids, batch.thinned).float()
        wanted = prediction.target(self.kind, batch.x0, batch.eps, batch.t, self.schedule)
        error = mse_loss(output, wanted, reduction="none")
        loss = mean_per_clip(error if batch.pixel_weight is None else error * batch.pixel_weight)
        if self.config.frame_difference_weight > 0 and batch.thinned is None:
            loss = loss + self.config.frame_difference_weight * frame_difference_mse(output, wanted)
        x0_mse = mean_per_clip(error.detach()) * self.to_x0_mse.to(loss.device)[batch.t]
        return loss * self.weights.to(loss.device)[batch.t], x0_mse
