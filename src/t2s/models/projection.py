"""From tokens back to pixels: the seed's final projection, the ancestor's, or a plain linear head.

Legend: B clips, F' tubelets in time, N patches, D width, G feature_dim, R cells per side = image_size / stride.
"""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn.functional import linear

from t2s.models.silent import silent


def group_count(channels: int) -> int:
    """The largest of 8, 4, 2, 1 that divides `channels` (the seed's _get_group_count)."""
    return next(groups for groups in (8, 4, 2, 1) if channels % groups == 0)


class LinearProjection(nn.Module):
    """Each token becomes its patch: (B, F', N, D), x_t → (B, C, F, H, W)."""

    def __init__(self, width: int, channels: int, tubelet_size: int, patch_size: int, grid: int) -> None:
        super().__init__()
        self.tubelet_size, self.patch_size, self.grid = tubelet_size, patch_size, grid
        self.out = silent(nn.Linear(width, channels * tubelet_size * patch_size**2))

    def coarse(self, tokens: Tensor) -> Tensor:
        """There is no coarse picture: `misfits` says so before a run starts."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, x_t: Tensor, frames: slice | None = None) -> Tensor:
        """`frames`: see ConvProjection; here it saves nothing, because there are no convolutions."""
        clip: Tensor = rearrange(
            self.out(tokens),
            "b f (h w) (c df dh dw) -> b c (f df) (h dh) (w dw)",
            h=self.grid,
            df=self.tubelet_size,
            dh=self.patch_size,
            dw=self.patch_size,
        )
        return clip if frames is None else clip[:, :, frames]


class ConvProjection(nn.Module):
    """Tokens are spread over their cells, then convolved frame by frame, so that patches blend into one picture.

    `depth` 3 is the seed's fix: conv-GN-GELU-Dropout2d-conv-GN-GELU-conv1x1; 2 is the ancestor's conv-GN-GELU-conv1x1.
    With `taper` their channels are the seed's G, G/2, G/4, without it G throughout: at stride 2 the last layer answers
    12 pixel values a cell, and a tapered one of few channels has none to spare for telling noise from a hand. A cell
    holds stride² pixels (1 = the seed's full resolution).

    With `sees_input` the noisy pixels are among the G channels: a path at full resolution around the trunk. With
    `shortcut` the first C features are a coarse picture, one colour a cell, to which the convolutions add: GroupNorm
    alone would strip the amplitude that each clip needs.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        tubelet_size: int,
        patch_size: int,
        grid: int,
        *,
        feature_dim: int,
        taper: bool,
        depth: int,
        stride: int,
        dropout: float,
        sees_input: bool,
        shortcut: bool,
    ) -> None:
        super().__init__()
        self.channels, self.tubelet_size, self.grid, self.stride = channels, tubelet_size, grid, stride
        self.cells = patch_size // stride
        self.sees_input, self.shortcut = sees_input, shortcut
        pixel_values = channels * stride**2
        spread_dim = feature_dim - (pixel_values if sees_input else 0)
        self.frame_values = spread_dim * self.cells**2
        self.spread = nn.Linear(width, tubelet_size * self.frame_values)
        middle, last = (feature_dim // 2, feature_dim // 4) if taper else (feature_dim, feature_dim)
        layers: list[nn.Module] = [
            nn.Conv2d(feature_dim, middle, kernel_size=3, padding=1),
            nn.GroupNorm(group_count(middle), middle),
            nn.GELU(),
        ]
        if depth == 3:
            layers += [
                nn.Dropout2d(dropout * 0.5),
                nn.Conv2d(middle, last, kernel_size=3, padding=1),
                nn.GroupNorm(group_count(last), last),
                nn.GELU(),
            ]
        out = silent(PointwiseConv(last if depth == 3 else middle, pixel_values))
        self.convolve = nn.Sequential(*layers, out)

    def coarse(self, tokens: Tensor) -> Tensor:
        """The coarse picture alone, (B, F', N, D) → (B, C, F, H / stride, W / stride): cheap, no convolution."""
        per_cell = rearrange(self.spread.weight, "(cell g) d -> cell g d", cell=self.tubelet_size * self.cells**2)
        bias = rearrange(self.spread.bias, "(cell g) -> cell g", cell=len(per_cell))
        weight = rearrange(per_cell[:, : self.channels], "cell c d -> (cell c) d")
        values = linear(tokens, weight, bias[:, : self.channels].flatten())
        clip: Tensor = rearrange(
            values,
            "b f (h w) (df dh dw c) -> b c (f df) (h dh) (w dw)",
            h=self.grid,
            df=self.tubelet_size,
            dh=self.cells,
            dw=self.cells,
        )
        return clip

    def forward(self, tokens: Tensor, x_t: Tensor, frames: slice | None = None) -> Tensor:
        """(B, F', N, D), x_t (B, C, F, H, W) → (B, C, F, H, W).

        With `frames`, a start and a step that is a multiple of the tubelet, x_t holds those alone and only they are
        drawn: the convolutions look at one frame at a time, so a training step may skip most of them.
        """
        if frames is None:
            values, drawn = self.spread(tokens), self.tubelet_size
        else:
            tubelet, frame = divmod(frames.start, self.tubelet_size)
            tokens = tokens[:, tubelet :: frames.step // self.tubelet_size]
            share = slice(frame * self.frame_values, (frame + 1) * self.frame_values)
            values, drawn = linear(tokens, self.spread.weight[share], self.spread.bias[share]), 1
        features = rearrange(
            values,
            "b f (h w) (df dh dw g) -> (b f df) g (h dh) (w dw)",
            h=self.grid,
            df=drawn,
            dh=self.cells,
            dw=self.cells,
        )  # (B·F, G, R, R), without the pixels' share of G where it sees the input
        picture = features[:, : self.channels]
        if self.sees_input:
            pixels = rearrange(x_t, "b c f (h sh) (w sw) -> (b f) (c sh sw) h w", sh=self.stride, sw=self.stride)
            features = torch.cat([features, pixels.to(features.dtype)], dim=1)
        cells = self.convolve(features)
        if self.shortcut:
            cells = cells + repeat(picture, "b c h w -> b (c sh sw) h w", sh=self.stride, sw=self.stride)
        clip: Tensor = rearrange(
            cells, "(b f) (c sh sw) h w -> b c f (h sh) (w sw)", b=len(x_t), sh=self.stride, sw=self.stride
        )
        return clip


class PointwiseConv(nn.Conv2d):
    """A convolution of 1 × 1, as the matrix product that it is: a few channels waste a convolution's kernel on CPUs."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, G, R, R) → (N, out_channels, R, R)."""
        assert self.bias is not None
        weight, bias = self.weight.flatten(1).to(x.dtype), self.bias.to(x.dtype)
        made = torch.baddbmm(bias[None, :, None], weight.expand(len(x), -1, -1), x.flatten(2))
        return made.view(len(x), -1, *x.shape[2:])
