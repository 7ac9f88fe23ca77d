"""Networks that the literature advises and the product does not carry, each the ViViT of params.yaml with one change.

Legend: B sequences or clips, N tokens, L prompt tokens, D width, F' tubelets in time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import pad
from workload import make_denoiser

from t2s.models.attention import Attention, Block, Prompt, attend, modulate
from t2s.models.silent import silent
from t2s.models.vivit import ViViT
from t2s.settings import Settings


@dataclass(frozen=True)
class Variant:
    """`changes`: dotted keys of params.yaml; `alter`: what is done to the ViViT that they make."""

    title: str
    changes: dict[str, Any] = field(default_factory=dict)
    alter: Callable[[ViViT, Settings], nn.Module] = lambda model, _: model

    def build(self, settings: Settings) -> nn.Module:
        return self.alter(make_denoiser(settings), settings)


class CrossAttentionBlock(Block):
    """Self-attention, then cross-attention to the prompt, then the MLP (PixArt-α, 2310.00426, §2.2)."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, dropout: float) -> None:
        super().__init__(width, num_heads, mlp_ratio, dropout)
        self.attention = Attention(width, num_heads, with_prompt=False)
        self.num_heads = num_heads
        self.prompt_query = nn.Linear(width, width, bias=False)
        self.prompt_kv = nn.Linear(width, 2 * width, bias=False)
        self.prompt_out = silent(nn.Linear(width, width))

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt) -> Tensor:
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = rearrange(
            self.modulation(condition), "b (six d) -> six b 1 d", six=6
        )
        x = x.addcmul(gate_a, self.attention(modulate(self.attention_norm(x), shift_a, scale_a)))
        tokens, counts = prompt
        q = rearrange(self.prompt_query(self.attention_norm(x)), "b n (k e) -> b k n e", k=self.num_heads)
        k, v = rearrange(self.prompt_kv(tokens), "b l (two k e) -> two b k l e", two=2, k=self.num_heads)
        q, k = self.attention.query_norm(q), self.attention.key_norm(k)
        x = x + self.prompt_out(rearrange(attend(q, k, v, counts), "b k n e -> b n (k e)"))
        mixed: Tensor = x.addcmul(gate_m, self.mlp(modulate(self.mlp_norm(x), shift_m, scale_m)))
        return mixed


class BlockWithoutPrompt(Block):
    """The prompt reaches it by adaLN alone."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, dropout: float) -> None:
        super().__init__(width, num_heads, mlp_ratio, dropout)
        self.attention = Attention(width, num_heads, with_prompt=False)

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt | None = None) -> Tensor:
        without: Prompt = (x[:, :0], torch.ones(len(x), 1, 1, 0, dtype=torch.bool, device=x.device))
        return super().forward(x, condition, without)


class SkippedBlock(nn.Module):
    """A block of the second half: it first joins its input with that of its mirror image (U-ViT, 2209.12152, §3.1)."""

    def __init__(self, block: nn.Module, width: int, kept: list[Tensor]) -> None:
        super().__init__()
        self.block, self.kept = block, kept
        self.join = nn.Linear(2 * width, width)
        with torch.no_grad():  # starts as the network without skips
            self.join.weight.copy_(pad(torch.eye(width), (0, width)))
            self.join.bias.zero_()

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt) -> Tensor:
        answered: Tensor = self.block(self.join(torch.cat([x, self.kept.pop()], dim=-1)), condition, prompt)
        return answered


class KeepingBlock(nn.Module):
    """A block of the first half: keeps its output for its mirror image."""

    def __init__(self, block: nn.Module, kept: list[Tensor]) -> None:
        super().__init__()
        self.block, self.kept = block, kept

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt) -> Tensor:
        answered: Tensor = self.block(x, condition, prompt)
        self.kept.append(answered)
        return answered


def with_blocks(kind: type[Block]) -> Callable[[ViViT, Settings], ViViT]:
    """All blocks made anew, of another kind."""

    def alter(model: ViViT, settings: Settings) -> ViViT:
        config = settings.model
        model.blocks = nn.ModuleList(
            kind(config.width, config.num_heads, config.mlp_ratio, config.dropout) for _ in range(config.depth)
        )
        return model

    return alter


def with_skips(model: ViViT, settings: Settings) -> ViViT:
    """Long skips from block i to block depth - 1 - i."""
    kept: list[Tensor] = []
    half, depth = settings.model.depth // 2, settings.model.depth
    model.blocks = nn.ModuleList(
        KeepingBlock(block, kept)
        if index < half
        else SkippedBlock(block, settings.model.width, kept)
        if index >= depth - half
        else block
        for index, block in enumerate(model.blocks)
    )
    return model


def with_tokens_alone(model: ViViT, settings: Settings) -> ViViT:
    """The pooled text is nothing: the prompt is read by attention only."""

    def without_pooled(_: nn.Module, __: Any, encoded: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        tokens, pooled, counts = encoded
        return tokens, torch.zeros_like(pooled), counts

    model.text.register_forward_hook(without_pooled)
    return model


VARIANTS: dict[str, Variant] = {
    "default": Variant("the default: prompt tokens as extra keys, and pooled into adaLN"),
    "cross": Variant("cross-attention to the prompt in place of extra keys", alter=with_blocks(CrossAttentionBlock)),
    "pooled": Variant("the prompt pooled into adaLN alone", alter=with_blocks(BlockWithoutPrompt)),
    "tokens": Variant("the prompt as tokens alone", alter=with_tokens_alone),
    "uvit": Variant("long skips (U-ViT)", alter=with_skips),
    "no_dropout": Variant(
        "no prompt ever dropped, guidance 1", {"train.prompt_dropout": 0.0, "sample.guidance_scale": 1.0}
    ),
    "dropout": Variant("a fifth of the prompts dropped", {"train.prompt_dropout": 0.2}),
    "full_size": Variant(
        "no curriculum: all frames at full size", {"train.coarse_fraction": 0.0, "train.thin_frames": 1}
    ),
    "logit_normal": Variant("timesteps logit-normal", {"train.timesteps": "logit_normal"}),
    "even_logsnr": Variant(
        "a schedule even in log-SNR (x0-error at its own timesteps)", {"diffusion.schedule": "even_logsnr"}
    ),
    "factorised": Variant("factorised attention", {"model.attention": "factorised"}),
    "adamw": Variant("AdamW for Muon", {"train.optimizer": "adamw"}),
    "augment": Variant(
        "flip .5 with handedness swapped, colour .1", {"train.augment.flip": 0.5, "train.augment.colour": 0.1}
    ),
}
