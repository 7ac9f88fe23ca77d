"""Classifier-free guidance (Ho & Salimans 2022, 2207.12598), both passes in one batch."""

from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]


def guided(denoiser: Denoiser, scale: float, rescale: float = 0.0) -> Denoiser:
    """A denoiser that returns null + scale · (prompted - null).

    Args:
        denoiser: (x_t (B, C, F, H, W), t (B,), prompt_ids (B, L)) → prediction like x_t; an all-zero row of
            prompt_ids is the null prompt.
        scale: 1 is no guidance (one pass), 0 ignores the prompt.
        rescale: φ in [0, 1], pulls the standard deviation toward the prompted one's (Lin et al. 2023, eq. 15-16).
    """
    if scale == 1:
        return denoiser

    def denoise(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        both = denoiser(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([torch.zeros_like(prompt_ids), prompt_ids]))
        null, prompted = both.chunk(2)
        result = null + scale * (prompted - null)
        if rescale == 0:
            return result
        axes = tuple(range(1, result.ndim))
        matched = result * (prompted.std(axes, keepdim=True) / result.std(axes, keepdim=True).clamp(min=1e-8))
        return rescale * matched + (1 - rescale) * result

    return denoise
