"""Attention: which tokens may look at which."""

import torch

from t2s.models.attention import Attention, Block, TemporalAttention, attend


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


def test_queries_and_keys_are_normalised() -> None:
    """QK-norm: the size of a token's vector does not sharpen its attention."""
    torch.manual_seed(0)
    attention, x = Attention(32, 2, with_prompt=False), torch.randn(1, 4, 32)
    with torch.no_grad():
        value = attention.qkv.weight[64:].clone()
        before = attention(x)
        attention.qkv.weight[:64] *= 100.0
    assert torch.equal(attention.qkv.weight[64:], value)
    torch.testing.assert_close(attention(x), before, atol=1e-4, rtol=1e-3)


def test_temporal_attention_stays_in_its_place() -> None:
    torch.manual_seed(0)
    temporal, x = TemporalAttention(32, 2), torch.randn(1, 4, 3, 32)  # (B, F, N, D)
    other = x.clone()
    other[:, 0, 1] += 1.0
    change = (temporal(other) - temporal(x)).abs().amax((0, 1, 3))
    assert change[1] > 1e-3
    assert change[[0, 2]].max() == 0


def test_a_fresh_block_is_the_identity() -> None:
    """adaLN-Zero: gates start shut."""
    block, x = Block(32, 2, 2.0, 0.0), torch.randn(2, 5, 32)
    prompt = (torch.randn(2, 3, 32), torch.ones(2, 1, 1, 3, dtype=torch.bool))
    assert torch.equal(block(x, torch.randn(2, 32), prompt), x)


def test_on_a_cpu_attention_is_computed_in_fp32_whatever_autocast_says() -> None:
    q, k, v = (torch.randn(2, 2, 5, 8) for _ in range(3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), None)
    rounded = [part.bfloat16().float() for part in (q, k, v)]
    exact = (rounded[0] @ rounded[1].transpose(-1, -2) / 8**0.5).softmax(-1) @ rounded[2]
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, rtol=1e-5, atol=1e-6)
