"""What a user would pick instead, each as a denoiser (x_t, t, prompt_ids) → prediction of x_t's shape.

They cannot answer some frames alone: `thinned`, which the training loop passes to every denoiser, is always None here.
Legend: B clips, C channels, F frames, H W pixels, L prompt tokens.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from unittest.mock import MagicMock, patch

import torch
from einops import rearrange
from torch import Tensor, nn
from workload import VOCABULARY, clip_shape, make_denoiser

from t2s.models.vivit import ViViT
from t2s.settings import Settings

TEXT_WIDTH = 192


@dataclass(frozen=True)
class Peer:
    """A model to be measured beside ours.

    `build` raises ImportError where its package is not installed. `forward_only`: has nothing to train or sample.
    `is_slow`: a step of a few clips takes it seconds on a CPU, one of params.yaml's more memory than there is.
    """

    title: str
    build: Callable[[Settings], nn.Module]
    forward_only: bool = False
    is_slow: bool = False


class DiffusersPeer(nn.Module):
    """A diffusers video model with a learned embedding per prompt token in place of a text encoder."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.tokens, self.network = nn.Embedding(VOCABULARY, TEXT_WIDTH), network

    def forward(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor, thinned: None = None) -> Tensor:
        made: Tensor = self.network(x_t, timestep=t, encoder_hidden_states=self.tokens(prompt_ids)).sample
        return made


class LucidrainsPeer(nn.Module):
    """lucidrains' Unet3D with the mean of learned token embeddings in place of BERT."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.tokens, self.network = nn.Embedding(VOCABULARY, TEXT_WIDTH), network

    def forward(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor, thinned: None = None) -> Tensor:
        made: Tensor = self.network(x_t, t, cond=self.tokens(prompt_ids).mean(1))
        return made


class FramewiseViT(nn.Module):
    """ViT-B/16 (Dosovitskiy et al. 2021) on every frame at 224 × 224: what the ancestor ran before anything else.

    Built from torch.nn.TransformerEncoder at ViT-B's sizes, without pretrained weights: those change no time.
    """

    SIZE, PATCH, WIDTH = 224, 16, 768

    def __init__(self) -> None:
        super().__init__()
        torch.backends.mha.set_fastpath_enabled(False)  # its kernel hides FLOPs; under bf16 autocast it is off anyway
        self.patches = nn.Conv2d(3, self.WIDTH, self.PATCH, self.PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, self.WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, (self.SIZE // self.PATCH) ** 2 + 1, self.WIDTH))
        layer = nn.TransformerEncoderLayer(
            self.WIDTH, 12, 4 * self.WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)

    def forward(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor, thinned: None = None) -> Tensor:
        frames = rearrange(x_t, "b c f h w -> (b f) c h w")
        tokens = self.patches(nn.functional.interpolate(frames, size=(self.SIZE, self.SIZE))).flatten(2).mT
        seen: Tensor = self.blocks(torch.cat([self.first.expand(len(tokens), -1, -1), tokens], 1) + self.positions)
        return seen


def legacy(settings: Settings) -> ViViT:
    """The ancestor's preset at our sizes."""
    model = settings.model.model_copy(update={"preset": "legacy"})
    return make_denoiser(settings.model_copy(update={"model": model}))


def latte(settings: Settings) -> nn.Module:
    """Latte (Ma et al. 2024) with 5 pairs of layers of width 192 and patches of 8 pixels."""
    from diffusers import LatteTransformer3DModel

    clip = clip_shape(settings)
    return DiffusersPeer(
        LatteTransformer3DModel(
            num_attention_heads=4,
            attention_head_dim=TEXT_WIDTH // 4,
            in_channels=clip.channels,
            num_layers=5,
            cross_attention_dim=TEXT_WIDTH,
            caption_channels=TEXT_WIDTH,
            sample_size=clip.image_size,
            patch_size=8,
            video_length=clip.num_frames,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            num_embeds_ada_norm=1000,
        )
    )


def unet_3d_condition(settings: Settings) -> nn.Module:
    """diffusers' UNet3DConditionModel (ModelScope's text-to-video network) with 32, 64 and 128 channels."""
    from diffusers import UNet3DConditionModel

    clip = clip_shape(settings)
    return DiffusersPeer(
        UNet3DConditionModel(
            sample_size=clip.image_size,
            in_channels=clip.channels,
            out_channels=clip.channels,
            down_block_types=("CrossAttnDownBlock3D", "CrossAttnDownBlock3D", "DownBlock3D"),
            up_block_types=("UpBlock3D", "CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
            block_out_channels=(32, 64, 128),
            layers_per_block=1,
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=32,
        )
    )


def lucidrains(settings: Settings) -> nn.Module:
    """Unet3D of video-diffusion-pytorch (Ho et al. 2022, 2204.03458), dim 32.

    The package imports torchvision for image transforms that are not used here, so an empty stand-in serves where it
    is not installed.
    """
    stand_in: dict[str, Any] = {}
    if find_spec("torchvision") is None:
        stand_in["torchvision"] = MagicMock()
        print("torchvision is not installed; video-diffusion-pytorch gets an empty stand-in", file=sys.stderr)
    with patch.dict(sys.modules, stand_in):  # others shall not find it
        from video_diffusion_pytorch import Unet3D

    return LucidrainsPeer(Unet3D(dim=32, cond_dim=TEXT_WIDTH))


PEERS: dict[str, Peer] = {
    "ours": Peer("t2s, default configuration", make_denoiser),
    "legacy": Peer("t2s, legacy preset, same sizes", legacy),
    "latte": Peer("diffusers Latte, 5 layers, width 192, patch 8", latte),
    "unet3d": Peer("diffusers UNet3DConditionModel, 32-64-128", unet_3d_condition, is_slow=True),
    "lucidrains": Peer("video-diffusion-pytorch Unet3D, dim 32", lucidrains, is_slow=True),
    "vit_b16": Peer(
        "ViT-B/16 on 224² frames, forward only (ours, of torch layers)", lambda _: FramewiseViT(), forward_only=True
    ),
}
