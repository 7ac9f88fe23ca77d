"""Takes out of a finished clip what noise the network has let through."""

from collections.abc import Callable

import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule, add_noise

# (x_t (B, C, F, H, W), t (B,), prompt_ids (B, L)) → x0 like x_t
DenoiseX0 = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.inference_mode()
def polished(denoise_x0: DenoiseX0, clips: Tensor, prompt_ids: Tensor, noise: Tensor, schedule: Schedule) -> Tensor:
    """The clips (B, C, F, H, W) in [-1, 1], denoised again from t = 0 under `noise` ~ N(0, I) and under its negative.

    A sampler's last steps hand on the error of those before; the network takes what is left, and the share of x_t
    that it lets through, for texture, and so moving hands turn grainy. The mean of the two answers cancels all that is
    odd in the noise, its linear share before all (antithetic variates, Hammersley & Morton 1956).
    """
    t = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    answers = [denoise_x0(add_noise(schedule, clips, sign * noise, t), t, prompt_ids).float() for sign in (1, -1)]
    return torch.stack(answers).mean(0).clamp(-1, 1)
