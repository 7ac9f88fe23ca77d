"""Changes to train clips that keep their meaning. Legend: B clips, C channels, F frames, H W pixels."""

import torch
from torch import Tensor

from t2s.training.config import AugmentConfig


def augment(
    clips: Tensor, config: AugmentConfig, generator: torch.Generator, rank: int = 0, world_size: int = 1
) -> Tensor:
    """Mirror some clips and shift the colours of all. (B, C, F, H, W) in [-1, 1] → the same.

    Chance is drawn for world_size · B clips, of which this process takes its share.

    A mirrored signer is a left-handed one: every sign keeps its meaning, because signs are described from the
    dominant hand. Do not mirror where writing is in the picture.
    """
    total, device = len(clips) * world_size, clips.device
    mine = slice(rank * len(clips), (rank + 1) * len(clips))
    if config.flip > 0:
        mirrored = torch.rand(total, generator=generator, device=device)[mine] < config.flip
        clips = torch.where(mirrored.view(-1, 1, 1, 1, 1), clips.flip(-1), clips)
    if config.colour > 0:
        shape = (2, total, clips.shape[1], 1, 1, 1)
        gain, offset = config.colour * torch.randn(shape, generator=generator, device=device)[:, mine]
        clips = (clips * (1 + gain) + offset).clamp(-1, 1)
    return clips
