"""Attention and the adaLN-Zero block.

Legend: B sequences, N tokens, L prompt tokens, D width, K heads, E head width.
"""

from typing import assert_never

from einops import rearrange
from torch import Tensor, bfloat16, cat, finfo, nn, zeros_like
from torch.nn.functional import rms_norm, scaled_dot_product_attention

from t2s.models.config import Norm
from t2s.models.silent import silent

# What a prompt is to a block: its tokens (B, L, D) and which of them count, (B, 1, 1, L) bool.
Prompt = tuple[Tensor, Tensor]


class RMSNorm(nn.RMSNorm):
    """nn.RMSNorm with its gain in the type of the input: under bf16 autocast on a CPU torch's own is not fused."""

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


def make_norm(norm: Norm, width: int) -> nn.Module:
    """LayerNorm without bias, or RMSNorm, which leaves the mean in; each has one gain a value."""
    match norm:
        case "layer":
            return nn.LayerNorm(width, bias=False)
        case "rms":
            return RMSNorm(width)
        case _:
            assert_never(norm)


class Attention(nn.Module):
    """Self-attention with normalised queries and keys (Dehghani et al. 2023, §2); prompt tokens serve as extra keys."""

    def __init__(self, width: int, num_heads: int, *, with_prompt: bool, norm: Norm = "layer") -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.prompt_kv = nn.Linear(width, 2 * width, bias=False) if with_prompt else None
        self.query_norm = make_norm(norm, width // num_heads)
        self.key_norm = make_norm(norm, width // num_heads)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, prompt: Prompt | None = None, counts: Tensor | None = None) -> Tensor:
        """(B, N, D) → (B, N, D). Prompt tokens are only read: they pass nothing between sequences.

        `counts`, (B, 1, 1, N) bool, says which of x's own tokens may be looked at; None means all.
        """
        q, k, v = rearrange(self.qkv(x), "b n (three k e) -> three b k n e", three=3, k=self.num_heads)
        mask = counts
        if self.prompt_kv is not None and prompt is not None:
            tokens, prompt_counts = prompt
            prompt_k, prompt_v = rearrange(
                self.prompt_kv(tokens), "b l (two k e) -> two b k l e", two=2, k=self.num_heads
            )
            k, v = cat([prompt_k, k], dim=2), cat([prompt_v, v], dim=2)  # (B, K, L + N, E)
            mask = nn.functional.pad(prompt_counts, (0, x.shape[1]), value=True)
        mixed = attend(self.query_norm(q), self.key_norm(k), v, mask)
        attended: Tensor = self.out(rearrange(mixed, "b k n e -> b n (k e)"))
        return attended


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q kᵀ / √E) v, (B, K, N, E); `mask`, broadcast to (B, K, N, L), is False where a key is not looked at.

    In bf16 on a CPU as two products and a softmax: torch's fused kernel takes four times as long there.
    """
    if not (q.device.type == "cpu" and q.dtype == bfloat16):
        return scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores + zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, finfo(scores.dtype).min)
    mixed: Tensor = scores.softmax(dim=-1) @ v
    return mixed


class TemporalAttention(nn.Module):
    """Attention along time at each place: (B, F, N, D) → (B, F, N, D). Time positions are already in the tokens."""

    def __init__(self, width: int, num_heads: int, norm: Norm = "layer") -> None:
        super().__init__()
        self.norm = make_norm(norm, width)
        self.attention = Attention(width, num_heads, with_prompt=False, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        sequences = rearrange(self.norm(x), "b f n d -> (b n) f d")
        mixed: Tensor = rearrange(self.attention(sequences), "(b n) f d -> b f n d", b=len(x))
        return mixed


class Block(nn.Module):
    """Transformer block modulated by time and pooled text (adaLN-Zero, Peebles & Xie 2023, §3.2)."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, dropout: float, norm: Norm = "layer") -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = Attention(width, num_heads, with_prompt=True, norm=norm)
        self.mlp_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
        )
        self.modulation = nn.Sequential(nn.SiLU(), silent(nn.Linear(width, 6 * width)))

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt) -> Tensor:
        """x: (B, N, D); condition: (B, D) → (B, N, D)."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = rearrange(
            self.modulation(condition), "b (six d) -> six b 1 d", six=6
        )
        attended = self.attention(modulate(self.attention_norm(x), shift_a, scale_a), prompt)
        x = x.addcmul(gate_a, attended)
        result: Tensor = x.addcmul(gate_m, self.mlp(modulate(self.mlp_norm(x), shift_m, scale_m)))
        return result


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """shift + (1 + scale) · x; x: (B, …, D), shift and scale: (B, 1…, D)."""
    return shift.addcmul(x, 1 + scale)
