"""Positions and timesteps: every place and every t has its own vector."""

import pytest
import torch
from einops import rearrange

from t2s.models.embedding import PatchEmbedding, TimestepEmbedding, sincos_1d, sincos_2d


@pytest.mark.parametrize(("length", "width"), [(1, 8), (4, 32), (16, 33), (300, 64)])
def test_each_moment_has_its_own_position(length: int, width: int) -> None:
    positions = sincos_1d(length, width)
    assert positions.shape == (length, width)
    assert length == 1 or torch.pdist(positions).min() > 1e-3


@pytest.mark.parametrize(("grid", "width"), [(1, 8), (2, 32), (4, 34), (8, 30)])
def test_each_place_has_its_own_position(grid: int, width: int) -> None:
    positions = sincos_2d(grid, width)
    assert positions.shape == (grid**2, width)
    assert grid == 1 or torch.pdist(positions).min() > 1e-3


def test_patches_are_cut_in_row_major_order_and_hold_their_own_pixels() -> None:
    embedding = PatchEmbedding(3, 4, 8, tubelet_size=2, patch_size=4, width=96)
    with torch.no_grad():
        embedding.project.weight.copy_(torch.eye(96))
        embedding.project.bias.zero_()
        embedding.space.zero_()
        embedding.time.zero_()
    x = torch.randn(1, 3, 4, 8, 8)
    tokens = embedding(x)
    assert tokens.shape == (1, 2, 4, 96)
    for time, row, column in ((0, 0, 1), (1, 1, 0)):
        patch = x[0, :, 2 * time : 2 * time + 2, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert torch.equal(tokens[0, time, 2 * row + column], rearrange(patch, "c f h w -> (c f h w)"))


def test_timesteps_are_told_apart_and_scaled_to_the_schedules_length() -> None:
    torch.manual_seed(0)
    embedding = TimestepEmbedding(32, num_timesteps=50)
    vectors = embedding(torch.arange(50))
    assert vectors.shape == (50, 32)
    assert torch.pdist(vectors).min() > 1e-4
    torch.manual_seed(0)
    longer = TimestepEmbedding(32, num_timesteps=100)
    torch.testing.assert_close(longer(torch.tensor([60])), embedding(torch.tensor([30])))
