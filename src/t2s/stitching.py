"""Several clips, one after the other."""

from collections.abc import Sequence

import torch
from torch import Tensor


def stitch(segments: Sequence[Tensor], transition: int) -> Tensor:
    """Clips (B, C, F, H, W) one after the other: the last `transition` frames of each fade into the next one's first.

    Every sign starts and ends at rest, so the fade joins two resting hands; n clips of F frames give
    n·F - (n - 1)·transition frames.
    """
    joined = segments[0]
    share = torch.linspace(0, 1, transition + 2, device=joined.device)[1:-1].view(-1, 1, 1)
    for following in segments[1:]:
        before = joined.shape[2] - transition
        faded = torch.lerp(joined[:, :, before:], following[:, :, :transition], share)
        joined = torch.cat([joined[:, :, :before], faded, following[:, :, transition:]], dim=2)
    return joined
