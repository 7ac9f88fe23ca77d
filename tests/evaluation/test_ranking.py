"""Prompt ranking: chance for who ignores the prompt, certainty for who knows what it means."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule
from t2s.errors import UserError
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.ranking import (
    PromptLosses,
    TimestepBin,
    loss_gap_report,
    prompt_losses,
    ranking_report,
    ranks,
    timestep_bins,
    top1,
)
from t2s.evaluation.real import RealClips

BOOTSTRAP = Bootstrap(200, 0)
SIGNS = ["blink", "down", "grow", "right"]
PROMPT_IDS = torch.tensor([[1, 0], [2, 0], [3, 0], [4, 5]])


@pytest.fixture
def intended(held_out: RealClips) -> np.ndarray:
    return np.array([SIGNS.index(sign) for sign in held_out.signs])


@pytest.fixture
def losses_of(clips: Tensor, intended: np.ndarray, schedule: Schedule):  # type: ignore[no-untyped-def]
    def measure(denoise_x0, batch_size: int = 3) -> PromptLosses:  # type: ignore[no-untyped-def]
        bins = timestep_bins(schedule.num_timesteps, 3)
        return prompt_losses(denoise_x0, schedule, clips, intended, PROMPT_IDS, bins, seed=0, batch_size=batch_size)

    return measure


def test_a_denoiser_that_ignores_its_prompt_is_exactly_at_chance(losses_of) -> None:  # type: ignore[no-untyped-def]
    losses = losses_of(lambda x_t, t, ids: x_t)
    report = ranking_report(losses, BOOTSTRAP)
    assert report["ways"] == 4
    assert report["top1"] == pytest.approx(report["chance"]) == pytest.approx(0.25)
    assert report["mean_rank"] == pytest.approx(2.5)
    gap = loss_gap_report(losses, BOOTSTRAP)
    assert gap["shuffled_minus_intended"] == pytest.approx(0, abs=1e-12)
    assert gap["null_minus_intended"] == pytest.approx(0, abs=1e-12)


def test_an_untrained_denoiser_that_answers_its_prompt_at_random_is_at_chance(losses_of) -> None:  # type: ignore[no-untyped-def]
    tops, gaps = [], []
    for seed in range(6):
        table = 0.3 * torch.randn(6, 3, 8, 32, 32, generator=torch.Generator().manual_seed(seed))
        losses = losses_of(lambda x_t, t, ids, table=table: 0.5 * x_t + table[ids[:, 0]])
        tops.append(ranking_report(losses, BOOTSTRAP)["top1"])
        gaps.append(loss_gap_report(losses, BOOTSTRAP)["shuffled_minus_intended_ci"])
    assert np.mean(tops) == pytest.approx(0.25, abs=0.13)
    assert sum(low <= 0 <= high for low, high in gaps) >= 4


def test_a_denoiser_that_knows_its_prompt_wins_in_every_bin(losses_of, clips: Tensor, held_out: RealClips) -> None:  # type: ignore[no-untyped-def]
    ground = clips[:, :, :1, :1, :1]
    relative = clips - ground
    signs = np.array(held_out.signs)
    table = torch.stack([torch.zeros_like(clips[0]), *(relative[torch.from_numpy(signs == s)].mean(0) for s in SIGNS)])

    def oracle(x_t: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return table[ids[:, 0]] + x_t.mean(dim=(2, 3, 4), keepdim=True)

    losses = losses_of(oracle)
    report, gap = ranking_report(losses, BOOTSTRAP), loss_gap_report(losses, BOOTSTRAP)
    assert report["top1"] >= 0.9
    assert report["top1_ci"][0] > 0.5
    assert gap["shuffled_minus_intended_ci"][0] > 0
    assert gap["null_minus_intended"] > 0
    assert all(row["shuffled_minus_intended_ci"][0] > 0 for row in gap["per_bin"])


def test_the_same_noise_under_every_prompt_and_batch_size(losses_of) -> None:  # type: ignore[no-untyped-def]
    seen: dict[tuple[int, bytes], set[int]] = {}

    def spy(x_t: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        for each, step, prompt in zip(x_t, t, ids, strict=True):
            seen.setdefault((int(step), each.numpy().tobytes()), set()).add(int(prompt[0]))
        return torch.zeros_like(x_t)

    one = losses_of(spy, batch_size=3)
    assert len(seen) == 24 * 3
    assert all(prompts == {0, 1, 2, 3, 4} for prompts in seen.values())  # 0 is the null prompt
    assert np.array_equal(one.prompts, losses_of(spy, batch_size=100).prompts)


def test_ranks_and_shared_credit() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    intended = np.array([0, 1, 0])
    assert ranks(scores, intended).tolist() == [1, 1.5, 3]
    assert top1(scores, intended).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("ways", [3, 5, 6, 9, 10])
def test_top5_shares_ties_and_is_told_of_more_than_five(ways: int) -> None:
    intended = np.arange(ways) % ways
    losses = PromptLosses((TimestepBin(0, 9),), np.ones((ways, 1, ways)), np.ones((ways, 1)), intended)
    report = ranking_report(losses, BOOTSTRAP)
    assert report["top1"] == pytest.approx(1 / ways)
    assert report["top5"] == (None if ways <= 5 else pytest.approx(5 / ways))


def test_a_network_that_answers_with_no_numbers_ends_in_one_line(losses_of: Callable[..., PromptLosses]) -> None:
    def broken(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        return x_t * torch.where(prompt_ids[:, :1] == 2, torch.nan, 1.0).view(-1, 1, 1, 1, 1)

    with pytest.raises(UserError, match="the network answers with NaN or infinity"):
        losses_of(broken)


def test_no_bin_outweighs_another() -> None:
    """The large losses of a noisy bin say little; the small ones of a clean bin decide as much."""
    prompts = np.array([[[10.0, 10.1, 10.2], [0.02, 0.01, 0.03]]])
    losses = PromptLosses((TimestepBin(0, 4), TimestepBin(5, 9)), prompts, prompts[..., 0], np.array([1]))
    assert top1(losses.scores(), losses.intended).tolist() == [1]


def test_bins_cover_all_timesteps_once() -> None:
    for num_timesteps, count in ((50, 4), (10, 3), (3, 8)):
        bins = timestep_bins(num_timesteps, count)
        assert [t for each in bins for t in range(each.first, each.last + 1)] == list(range(num_timesteps))
        assert all(each.first <= each.middle <= each.last for each in bins)
