"""The denoiser: a ViViT (Arnab et al. 2021) with the seed's five fixes, each of them a switch.

Legend: B clips, C channels, F frames, H W pixels, F' tubelets in time, N patches in space, D width, L prompt tokens.
"""

from typing import assert_never

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from t2s.models.attention import Block, Prompt, TemporalAttention, modulate
from t2s.models.config import ClipShape, ModelConfig
from t2s.models.embedding import PatchEmbedding, TimestepEmbedding
from t2s.models.projection import ConvProjection, LinearProjection
from t2s.models.residual import BlendResidual
from t2s.models.silent import silent
from t2s.models.text import TextEncoder, TrainedTextEncoder
from t2s.thinned import Thinned, averaged


class ViViT(nn.Module):
    """Predicts epsilon, v or x0 of a noisy clip under a prompt.

    Joint attention mixes space and time in every block and adds one temporal path before the projection; factorised
    attention mixes space only and adds a temporal path in every block. Either way
    `features + temporal_weight · temporal_features` (seed fix 3), so at weight 0 the factorised model passes nothing
    between tubelets.
    """

    def __init__(
        self,
        config: ModelConfig,
        clip: ClipShape,
        *,
        vocab_size: int,
        temporal_weight: float,
        alphas_cumprod: Tensor,
        prediction_type: str,
        text_encoder: TextEncoder | None = None,
    ) -> None:
        """`alphas_cumprod`: (T,), the schedule; only the blend residual and the timestep embedding look at it.

        `text_encoder`: reads the prompts; None: an encoder of `vocab_size` tokens, trained with the rest.

        Raises:
            TypeError: a text encoder that is no nn.Module.
        """
        super().__init__()
        self.config, self.temporal_weight = config, temporal_weight
        self.image_size = clip.image_size
        width, grid = config.width, clip.image_size // config.patch_size
        self.patches = PatchEmbedding(
            clip.channels,
            clip.num_frames,
            clip.image_size // config.input_pool,
            config.tubelet_size,
            config.patch_size // config.input_pool,
            width,
        )
        self.timestep = TimestepEmbedding(width, len(alphas_cumprod))
        if text_encoder is None:
            text_encoder = TrainedTextEncoder(vocab_size, width, config.num_heads, config.text, config.qk_norm)
        elif not isinstance(text_encoder, nn.Module):
            raise TypeError("a text encoder is an nn.Module: else it is neither moved to a GPU nor saved")
        self.text: TextEncoder = text_encoder
        self.blocks = nn.ModuleList(
            Block(width, config.num_heads, config.mlp_ratio, config.dropout, config.qk_norm)
            for _ in range(config.depth)
        )
        num_temporal = config.depth if config.attention == "factorised" else 1
        self.temporal = nn.ModuleList(
            TemporalAttention(width, config.num_heads, config.qk_norm) for _ in range(num_temporal)
        )
        self.final_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.final_modulation = nn.Sequential(nn.SiLU(), silent(nn.Linear(width, 2 * width)))
        self.projection = make_projection(config, clip.channels, grid)
        self.output_scale = None if config.output_scale is None else nn.Parameter(torch.full((1,), config.output_scale))
        self.blend = BlendResidual(alphas_cumprod, prediction_type) if config.residual == "blend" else None

    def forward(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor, thinned: Thinned | None = None) -> Tensor:
        """(B, C, F, H, W), (B,) int64, (B, L) int64 → prediction (B, C, F, H, W), float32.

        A clip that is already averaged by `input_pool` is answered at its own size, by the trunk and the coarse picture
        alone: the cheap first part of a resolution curriculum. `thinned` says that x_t holds some frames only, which
        spares most of a convolutional projection.
        """
        tokens, pooled, counts = self.text(prompt_ids)
        condition = self.timestep(t) + pooled  # (B, D)
        is_coarse = self._is_coarse(x_t)
        frames, coarse = thinned or (None, x_t if is_coarse else averaged(x_t, self.config.input_pool))
        features = self.patches(coarse)  # (B, F', N, D)
        for index, block in enumerate(self.blocks):
            if self.config.gradient_checkpointing and self.training:
                features = checkpoint(
                    self._block, features, index, block, condition, tokens, counts, use_reentrant=False
                )
            else:
                features = self._block(features, index, block, condition, tokens, counts)
        if self.config.attention == "joint":
            features = self._add_temporal(features, 0)
        shift, scale = rearrange(self.final_modulation(condition), "b (two d) -> two b 1 1 d", two=2)
        features = modulate(self.final_norm(features), shift, scale)
        if is_coarse:
            output: Tensor = self.projection.coarse(features).float()
        else:
            output = self.projection(features, x_t, frames).float()
        if self.output_scale is not None:
            output = output * self.output_scale
        return self._with_residual(output, x_t, t)

    def _is_coarse(self, x_t: Tensor) -> bool:
        """Whether a clip is already averaged by `input_pool`."""
        return x_t.shape[-1] < self.image_size

    def _with_residual(self, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        match self.config.residual:
            case "none":
                return output
            case "legacy":
                return output + x_t  # the harm the seed removed: the network starts as a copy of its input
            case "blend":
                if self.blend is None or self._is_coarse(x_t):
                    return output
                blended: Tensor = self.blend(output, x_t, t)
                return blended
            case _:
                assert_never(self.config.residual)

    def _block(
        self,
        features: Tensor,
        index: int,
        block: nn.Module,
        condition: Tensor,
        tokens: Tensor,
        counts: Tensor,
    ) -> Tensor:
        """One block over (B, F', N, D): all tokens at once (joint) or each tubelet in time alone."""
        batch, times = features.shape[:2]
        match self.config.attention:
            case "joint":
                prompt: Prompt = (tokens, counts[:, None, None, :])
                mixed = block(rearrange(features, "b f n d -> b (f n) d"), condition, prompt)
                joint: Tensor = rearrange(mixed, "b (f n) d -> b f n d", f=times)
                return joint
            case "factorised":
                per_time = torch.arange(batch, device=features.device).repeat_interleave(times)
                prompt = (tokens[per_time], counts[per_time][:, None, None, :])
                mixed = block(rearrange(features, "b f n d -> (b f) n d"), condition[per_time], prompt)
                return self._add_temporal(rearrange(mixed, "(b f) n d -> b f n d", b=batch), index)
            case _:
                assert_never(self.config.attention)

    def _add_temporal(self, features: Tensor, index: int) -> Tensor:
        if self.temporal_weight == 0:
            return features
        enhanced: Tensor = features + self.temporal_weight * self.temporal[index](features)
        return enhanced

    @torch.no_grad()
    def clamp_output_scale(self) -> None:
        """Hold output_scale inside its configured range; call after each optimizer step (seed, troubleshooting)."""
        if self.output_scale is not None and self.config.output_scale_range is not None:
            self.output_scale.clamp_(*self.config.output_scale_range)


def make_projection(config: ModelConfig, channels: int, grid: int) -> LinearProjection | ConvProjection:
    """The final projection the config names."""
    match config.projection:
        case "linear":
            return LinearProjection(config.width, channels, config.tubelet_size, config.patch_size, grid)
        case "seed":
            depth = 3
        case "two_layer":
            depth = 2
        case _:
            assert_never(config.projection)
    return ConvProjection(
        config.width,
        channels,
        config.tubelet_size,
        config.patch_size,
        grid,
        feature_dim=config.projection_width,
        taper=config.projection_taper,
        depth=depth,
        stride=config.projection_stride,
        dropout=config.dropout,
        sees_input=config.projection_sees_input,
        shortcut=config.projection_shortcut,
    )
