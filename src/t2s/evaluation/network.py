"""The recogniser's network: a small (2+1)D residual convolution net over motion.

Another family than the generator (no attention, no patches, no text). It sees each clip as its mean picture and each
frame's departure from it, so that looks (background, clothes) stand apart from movement. Space and time are convolved
in turn (Tran et al. 2018, 1711.11248).

B clips, F frames, H W pixels, S slices = F / 2, D = 4 · width features, K signs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SignNetwork(nn.Module):
    """Clips (B, 3, F, H, W) in [-1, 1] → logits (B, K). F even, H and W multiples of 16."""

    def __init__(self, num_signs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.stem = Stem(width)
        self.blocks = nn.Sequential(
            ResidualBlock(width, width),
            ResidualBlock(width, 2 * width, space_stride=2),
            ResidualBlock(2 * width, 4 * width, space_stride=2, time_stride=2),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, num_signs)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def features(self, clips: Tensor) -> Tensor:
        """(B, 3, F, H, W) → (B, D)."""
        x: Tensor = self.stem(clips)  # (B, width, S, H/4, W/4)
        x = self.blocks(x)  # (B, D, S/2, H/16, W/16)
        return x.mean(dim=(2, 3, 4))

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(self.dropout(self.features(clips)))  # type: ignore[no-any-return]


class Stem(nn.Module):
    """(B, 3, F, H, W) → (B, width, F/2, H/4, W/4): pairs of frames as they depart from the clip's mean picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.motion = nn.Conv3d(3, width, (2, 7, 7), stride=(2, 4, 4), padding=(0, 3, 3), bias=False)
        self.still = nn.Conv3d(3, width, (1, 7, 7), stride=(1, 4, 4), padding=(0, 3, 3), bias=False)
        self.norm = nn.BatchNorm3d(width)

    def forward(self, clips: Tensor) -> Tensor:
        mean = clips.mean(dim=2, keepdim=True)
        return functional.relu(self.norm(self.motion(clips - mean) + self.still(mean)), inplace=True)


class ResidualBlock(nn.Module):
    """A 3×3 convolution in space, then one over 3 slices in time, around a skip."""

    def __init__(self, inputs: int, outputs: int, space_stride: int = 1, time_stride: int = 1) -> None:
        super().__init__()
        stride = (time_stride, space_stride, space_stride)
        self.space = nn.Conv3d(inputs, outputs, (1, 3, 3), (1, *stride[1:]), padding=(0, 1, 1), bias=False)
        self.space_norm = nn.BatchNorm3d(outputs)
        self.time = nn.Conv3d(outputs, outputs, (3, 1, 1), (time_stride, 1, 1), padding=(1, 0, 0), bias=False)
        self.time_norm = nn.BatchNorm3d(outputs)
        self.skip: nn.Module = nn.Identity()
        if inputs != outputs or stride != (1, 1, 1):
            self.skip = nn.Sequential(
                nn.AvgPool3d(stride), nn.Conv3d(inputs, outputs, 1, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.space_norm(self.space(x)), inplace=True)
        return functional.relu(self.time_norm(self.time(h)) + self.skip(x), inplace=True)
