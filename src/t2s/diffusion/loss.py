"""The training loss, one value per clip; the loop takes the mean."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss


def mse_per_clip(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each clip, (B, …) → (B,), in float32."""
    return mean_per_clip(mse_loss(prediction.float(), target.float(), reduction="none"))


def mean_per_clip(values: Tensor) -> Tensor:
    """(B, …) → (B,)."""
    return values.flatten(1).mean(1)


def motion_weight(x0: Tensor, strength: float) -> Tensor:
    """Weigh pixels by how far they stray from the clip's mean frame, so that small moving parts count.

    1 + strength · d / mean(d), divided by its mean, with d = |x0 - mean over frames| averaged over channels and
    clipped to eight times its mean; after the temporal-discrepancy weighting of 2601.20504. x0: (B, C, F, H, W);
    returns (B, 1, F, H, W), mean 1 per clip. A still clip gets 1 everywhere.

    It looks at the clip that is to be predicted, so the best prediction is no longer E[x0 | x_t] but leans toward the
    clips that move at a pixel, and samplers rest on that mean: docs/experiments.md has what it costs.
    """
    discrepancy = (x0 - x0.mean(2, keepdim=True)).abs().mean(1, keepdim=True)
    scale = discrepancy.mean((2, 3, 4), keepdim=True).clamp(min=1e-6)
    weight = 1 + strength * (discrepancy / scale).clamp(max=8.0)
    return weight / weight.mean((2, 3, 4), keepdim=True)


def frame_difference_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """MSE between the frame-to-frame differences, (B,): what moves, whatever stands still. Inputs (B, C, F, H, W)."""
    return mse_per_clip(torch.diff(prediction, dim=2), torch.diff(target, dim=2))
