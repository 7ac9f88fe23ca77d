"""What turns clips, places and timesteps into vectors. Legend: B clips, F frames, N patches, D width."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    """Tubelet patches (Arnab et al. 2021, §3.2) → tokens with learned space and time positions."""

    def __init__(
        self, channels: int, num_frames: int, image_size: int, tubelet_size: int, patch_size: int, width: int
    ) -> None:
        super().__init__()
        self.tubelet_size, self.patch_size = tubelet_size, patch_size
        self.num_times, self.grid = num_frames // tubelet_size, image_size // patch_size
        self.project = nn.Linear(channels * tubelet_size * patch_size**2, width)
        self.space = nn.Parameter(sincos_2d(self.grid, width))
        self.time = nn.Parameter(sincos_1d(self.num_times, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, H, W) → (B, F', N, D) with F' tubelets in time and N patches in space."""
        patches = rearrange(
            x,
            "b c (f df) (h dh) (w dw) -> b f (h w) (c df dh dw)",
            df=self.tubelet_size,
            dh=self.patch_size,
            dw=self.patch_size,
        )
        positions = self.space + rearrange(self.time, "f d -> f 1 d")
        projected: Tensor = self.project(patches)
        return projected + positions.to(projected.dtype)  # so that under autocast the blocks pass on bf16


class TimestepEmbedding(nn.Module):
    """Sinusoidal features of t (Ho et al. 2020) through a two-layer MLP: (B,) → (B, D)."""

    def __init__(self, width: int, num_timesteps: int, num_features: int = 128) -> None:
        super().__init__()
        self.num_timesteps, self.num_features = num_timesteps, num_features
        self.mlp = nn.Sequential(nn.Linear(num_features, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        scaled = t.float() * (1000 / self.num_timesteps)  # the features were made for T = 1000
        embedded: Tensor = self.mlp(sinusoid(scaled, self.num_features))
        return embedded


def sinusoid(position: Tensor, num_features: int) -> Tensor:
    """cos and sin of position at geometric frequencies (Vaswani et al. 2017, §3.5). (N,) → (N, num_features)."""
    half = num_features // 2
    frequency = torch.exp(-math.log(10_000) * torch.arange(half, device=position.device) / half)
    angle = position[:, None].float() * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def sincos_1d(length: int, width: int, scale: float = 1.0) -> Tensor:
    """Initial positions along one axis, (length, width)."""
    features = sinusoid(torch.arange(length) * (64 / length), width + width % 2)
    return scale * features[:, :width]


def sincos_2d(grid: int, width: int) -> Tensor:
    """Initial positions of a grid × grid image in row-major order, (grid², width): half the width per axis."""
    axis = sincos_1d(grid, width // 2)
    rows = rearrange(axis, "h d -> h 1 d").expand(grid, grid, -1)
    columns = rearrange(axis, "w d -> 1 w d").expand(grid, grid, -1)
    both = rearrange(torch.cat([rows, columns], dim=-1), "h w d -> (h w) d")
    return nn.functional.pad(both, (0, width - both.shape[1]))
