"""All chance in training is a function of (seed, step): resuming is running the same command again.

The idea is EDM2's (Karras et al. 2024): nothing about random state needs to be saved.
"""

from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from t2s.diffusion.noise import seeded
from t2s.training.config import Timesteps


def mixed_seed(*parts: int) -> int:
    """One 63-bit seed out of several numbers, stable across platforms and versions."""
    high, low = np.random.SeedSequence(parts).generate_state(2, dtype=np.uint32)
    return (int(high) << 31) ^ int(low)


def step_generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    """The generator of one step's timesteps, dropped prompts and clips' streams; also seeds dropout layers."""
    mixed = mixed_seed(seed, step)
    torch.manual_seed(mixed)
    return torch.Generator(device=device).manual_seed(mixed)


def clip_generators(step: torch.Generator, places: range) -> list[torch.Generator]:
    """The streams of these places in a step's global batch: a process draws the noise of its own clips alone."""
    return seeded([mixed_seed(step.initial_seed(), place) for place in places], step.device)


def epoch_order(seed: int, epoch: int, num_clips: int) -> list[int]:
    """The order in which one epoch visits the clips."""
    order: list[int] = np.random.default_rng([seed, epoch]).permutation(num_clips).tolist()
    return order


def step_indices(seed: int, step: int, batch_size: int, num_clips: int) -> list[int]:
    """Which clips step `step` learns from: epochs follow each other without a gap, every batch is full."""
    first = step * batch_size
    positions = range(first, first + batch_size)
    orders = {e: epoch_order(seed, e, num_clips) for e in {p // num_clips for p in positions}}
    return [orders[p // num_clips][p % num_clips] for p in positions]


def draw_timesteps(kind: Timesteps, count: int, num_timesteps: int, generator: torch.Generator) -> Tensor:
    """(count,) int64 in [0, T): uniform, one per equal stratum, or logit-normal (Esser et al. 2024, eq. 19)."""
    device = generator.device
    match kind:
        case "uniform":
            u = torch.rand(count, generator=generator, device=device)
        case "stratified":
            u = torch.rand(count, generator=generator, device=device)
            strata = torch.randperm(count, generator=generator, device=device)
            u = (strata + u) / count
        case "logit_normal":
            u = torch.sigmoid(torch.randn(count, generator=generator, device=device))
        case _:
            assert_never(kind)
    return (u * num_timesteps).long().clamp(max=num_timesteps - 1)
