"""Chance is a function of (seed, step)."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2s.training.randomness import (
    clip_generators,
    draw_timesteps,
    epoch_order,
    mixed_seed,
    step_generator,
    step_indices,
)

seeds = st.integers(0, 2**32)


@given(seeds, st.integers(1, 30), st.integers(1, 40))
def test_every_epoch_visits_every_clip_exactly_once(seed: int, batch_size: int, num_clips: int) -> None:
    steps = -(-3 * num_clips // batch_size)
    visited = [i for step in range(steps) for i in step_indices(seed, step, batch_size, num_clips)]
    for epoch in range(3):
        assert sorted(visited[epoch * num_clips : (epoch + 1) * num_clips]) == list(range(num_clips))


def test_epochs_and_seeds_have_their_own_order() -> None:
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


@given(seeds, st.integers(0, 10_000))
def test_a_step_draws_the_same_whatever_came_before(seed: int, step: int) -> None:
    first = torch.randn(3, generator=step_generator(seed, step, torch.device("cpu")))
    torch.randn(7)
    dropout = torch.rand(3)
    again = torch.randn(3, generator=step_generator(seed, step, torch.device("cpu")))
    assert torch.equal(first, again)
    torch.randn(7)
    assert torch.equal(dropout, torch.rand(3))  # the global generator, of dropout layers, is seeded too


def test_places_of_a_batch_have_streams_of_their_own_whoever_asks_for_them() -> None:
    drawn = {}
    for step in (0, 1):
        generator = step_generator(3, step, torch.device("cpu"))
        streams = clip_generators(generator, range(6))
        torch.rand(5, generator=generator)  # what a step draws besides moves no stream
        again = [*clip_generators(generator, range(2)), *clip_generators(generator, range(2, 6))]
        drawn[step] = [torch.randn(4, generator=stream) for stream in streams]
        assert torch.equal(torch.stack(drawn[step]), torch.stack([torch.randn(4, generator=s) for s in again]))
    assert len({tuple(row.tolist()) for rows in drawn.values() for row in rows}) == 12


def test_mixed_seeds_do_not_collide_and_are_frozen() -> None:
    assert len({mixed_seed(seed, step) for seed in range(30) for step in range(300)}) == 9000
    assert mixed_seed(0, 0) == 6375474604893067239
    assert 0 <= mixed_seed(2**32 - 1, 10**9) < 2**63


@pytest.mark.parametrize("kind", ["uniform", "stratified", "logit_normal"])
def test_timesteps_are_in_range_and_seeded(kind: str) -> None:
    draws = [draw_timesteps(kind, 4000, 50, torch.Generator().manual_seed(0)) for _ in range(2)]
    assert torch.equal(*draws)
    assert draws[0].dtype == torch.int64
    assert (draws[0].min(), draws[0].max()) == (0, 49)
    middle = ((draws[0] >= 12) & (draws[0] < 38)).float().mean().item()
    assert middle == pytest.approx(0.52 if kind != "logit_normal" else 0.75, abs=0.04)


@given(seeds)
def test_stratified_timesteps_cover_every_stratum_once(seed: int) -> None:
    t = draw_timesteps("stratified", 10, 50, torch.Generator().manual_seed(seed))
    assert Counter((t // 5).tolist()) == dict.fromkeys(range(10), 1)
