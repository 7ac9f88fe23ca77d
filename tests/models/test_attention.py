"""Attention: which tokens may look at which."""

import pytest
import torch

from t2s.models.attention import Attention, Block, TemporalAttention, attend, make_norm
from t2s.models.config import Norm


def test_masked_tokens_are_not_looked_at() -> None:
    torch.manual_seed(0)
    attention, x = Attention(32, 2, with_prompt=False), torch.randn(1, 5, 32)
    counts = torch.tensor([True, True, True, False, False]).view(1, 1, 1, 5)
    other = x.clone()
    other[:, 3:] += 1.0
    torch.testing.assert_close(attention(x, counts=counts)[:, :3], attention(other, counts=counts)[:, :3])
    assert (attention(x)[:, :3] - attention(other)[:, :3]).abs().max() > 1e-3


def test_prompt_tokens_are_keys_only_and_padding_among_them_is_masked() -> None:
    torch.manual_seed(0)
    attention, x, tokens = Attention(32, 2, with_prompt=True), torch.randn(2, 5, 32), torch.randn(2, 3, 32)
    counts = torch.tensor([[True, True, False], [True, False, False]])[:, None, None, :]
    out = attention(x, (tokens, counts))
    assert out.shape == x.shape
    other = tokens.clone()
    other[0, 2] += 1.0
    other[1, 1:] += 1.0
    torch.testing.assert_close(attention(x, (other, counts)), out)
    other[1, 0] += 1.0
    changed = attention(x, (other, counts))
    torch.testing.assert_close(changed[0], out[0])
    assert (changed[1] - out[1]).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_queries_and_keys_are_normalised(norm: Norm) -> None:
    """QK-norm: the size of a token's vector does not sharpen its attention."""
    torch.manual_seed(0)
    attention, x = Attention(32, 2, with_prompt=False, norm=norm), torch.randn(1, 4, 32)
    with torch.no_grad():
        value = attention.qkv.weight[64:].clone()
        before = attention(x)
        attention.qkv.weight[:64] *= 100.0
    assert torch.equal(attention.qkv.weight[64:], value)
    torch.testing.assert_close(attention(x), before, atol=1e-4, rtol=1e-3)


def test_layer_norm_takes_the_mean_out_and_rms_norm_leaves_it_in() -> None:
    x = 5 + torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    layer, rms = make_norm("layer", 16)(x), make_norm("rms", 16)(x)
    spread = x.std(1, correction=0, keepdim=True)
    torch.testing.assert_close(layer, (x - x.mean(1, keepdim=True)) / spread, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(rms, x / x.square().mean(1, keepdim=True).sqrt())
    assert make_norm("rms", 16)(x.bfloat16()).dtype == torch.bfloat16


def test_temporal_attention_stays_in_its_place() -> None:
    torch.manual_seed(0)
    temporal, x = TemporalAttention(32, 2), torch.randn(1, 4, 3, 32)  # (B, F, N, D)
    other = x.clone()
    other[:, 0, 1] += torch.randn(32)
    change = (temporal(other) - temporal(x)).abs().amax((0, 1, 3))
    assert change[1] > 1e-3
    assert change[[0, 2]].max() == 0


def test_a_fresh_block_is_the_identity() -> None:
    """adaLN-Zero: gates start shut."""
    block, x = Block(32, 2, 2.0, 0.0), torch.randn(2, 5, 32)
    prompt = (torch.randn(2, 3, 32), torch.ones(2, 1, 1, 3, dtype=torch.bool))
    assert torch.equal(block(x, torch.randn(2, 32), prompt), x)


def test_bf16_attention_on_a_cpu_is_attention_to_the_precision_of_bf16() -> None:
    """Two products and a softmax there: the same values and gradients as torch's fused fp32 kernel, mask and all."""
    torch.manual_seed(0)
    shapes = ((2, 2, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8))
    rounded = [torch.randn(shape).bfloat16().requires_grad_() for shape in shapes]
    whole = [part.detach().float().requires_grad_() for part in rounded]
    mask = torch.ones(2, 1, 1, 7, dtype=torch.bool)
    mask[0, :, :, 4:], mask[1, :, :, 0] = False, False
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = attend(*rounded, mask)
    exact = attend(*whole, mask)
    assert mixed.dtype == torch.bfloat16
    mixed.float().square().sum().backward()
    exact.square().sum().backward()
    torch.testing.assert_close(mixed.float(), exact, rtol=0.02, atol=0.02)
    for ours, theirs in zip(rounded, whole, strict=True):
        assert ours.grad is not None and theirs.grad is not None
        torch.testing.assert_close(ours.grad.float(), theirs.grad, rtol=0.05, atol=0.05)
    assert rounded[2].grad is not None
    assert rounded[2].grad[0, :, 4:].abs().max() == 0  # what is masked has no part in it


def test_the_same_attention_in_fp32_is_exact() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 2, 5, 8) for _ in range(3))
    exact = (q @ k.transpose(-1, -2) / 8**0.5).softmax(-1) @ v
    torch.testing.assert_close(attend(q, k, v, None), exact, rtol=1e-5, atol=1e-6)
