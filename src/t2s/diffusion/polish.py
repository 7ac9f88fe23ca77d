"""Takes out of a finished clip what noise the network has let through."""

from collections.abc import Callable

import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule

# (x_t (B, C, F, H, W), t (B,), prompt_ids (B, L)) → x0 like x_t
DenoiseX0 = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.inference_mode()
def polished(denoise_x0: DenoiseX0, clips: Tensor, prompt_ids: Tensor, schedule: Schedule) -> Tensor:
    """The clips (B, C, F, H, W) in [-1, 1], denoised once more as if they stood at t = 0, with no fresh noise.

    A sampler's last steps hand on the error of those before, and where a hand moves the network lets a share of it
    through, for texture. What is left is less than the noise that t = 0 stands for, so the network takes it out and
    leaves what is drawn. Noising the clip again first only blurs (docs/experiments.md).
    """
    t = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    scaled = schedule.signal[0].to(clips) * clips
    return denoise_x0(scaled, t, prompt_ids).float().clamp(-1, 1)
