"""Random variations of the recogniser's training clips: none of them turns one sign into another."""

import torch
from torch import Tensor
from torch.nn import functional

from t2s.evaluation.config import AugmentConfig


def augment(clips: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Vary (B, 3, F, H, W) in tempo, place, size, hand, colour and quality. Same generator state, same bits."""
    clips = warp_time(clips, config, generator)
    clips = warp_space(clips, config, generator)
    clips = shift_colours(clips, config, generator)
    return degrade(clips, config, generator)


def warp_time(clips: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Play faster or slower and start earlier or later, by the nearest frame; the ends stand still."""
    B, _, F = clips.shape[:3]
    centre = (F - 1) / 2
    tempo = 1 + _uniform((B, 1), config.tempo, generator)
    offset = _uniform((B, 1), config.time_shift * F, generator)
    frames = ((torch.arange(F) - centre) * tempo + centre + offset).round().long().clamp(0, F - 1)
    return clips[torch.arange(B)[:, None], :, frames].transpose(1, 2)


def warp_space(clips: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Shift, scale and mirror, the same for all frames of a clip; edges are continued."""
    B, C, F, H, W = clips.shape
    scale = 1 + _uniform((B,), config.scale, generator)
    mirror = 1 - 2 * (torch.rand(B, generator=generator) < config.mirror_probability).float()
    place = 2 * _uniform((B, 2), config.shift, generator)  # the grid spans -1 … 1
    zero = torch.zeros(B)
    matrix = torch.stack(
        [torch.stack([scale * mirror, zero, place[:, 0]], 1), torch.stack([zero, scale, place[:, 1]], 1)], 1
    )
    grid = functional.affine_grid(matrix, [B, C * F, H, W], align_corners=False)
    warped = functional.grid_sample(clips.reshape(B, C * F, H, W), grid, padding_mode="border", align_corners=False)
    return warped.view(B, C, F, H, W)


def shift_colours(clips: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Gain and offset per colour channel, constant over the clip."""
    shape = (len(clips), clips.shape[1], 1, 1, 1)
    gain = 1 + _uniform(shape, config.contrast, generator)
    return clips * gain + _uniform(shape, config.brightness, generator)


def degrade(clips: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Blur or add noise to some batches, so that a slightly soft or grainy clip is still read."""
    soften, add_noise = torch.rand(2, generator=generator).tolist()
    if soften < config.soften_probability:
        clips = functional.avg_pool3d(clips, (1, 3, 3), 1, (0, 1, 1), count_include_pad=False)
    if add_noise < config.noise_probability:
        strength = config.noise * torch.rand((len(clips), 1, 1, 1, 1), generator=generator)
        clips = clips + strength * torch.randn(clips.shape, generator=generator)
    return clips


def _uniform(shape: tuple[int, ...], half_width: float, generator: torch.Generator) -> Tensor:
    return half_width * (2 * torch.rand(shape, generator=generator) - 1)
