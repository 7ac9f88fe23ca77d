"""x_T, clip by clip: what a seed means."""

from collections.abc import Sequence

import torch
from torch import Tensor


def seeded(seeds: Sequence[int]) -> list[torch.Generator]:
    """One stream of noise a clip. A sampler that adds noise on its way goes on with it, and never draws x_T again."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def draw_noise(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """(B, *shape) ~ N(0, I), row i from generators[i] alone, drawn on the CPU: all devices start alike."""
    return torch.stack([torch.randn(tuple(shape), generator=generator) for generator in generators])
