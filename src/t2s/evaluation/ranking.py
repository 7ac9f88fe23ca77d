"""Does the network use its prompt? Real held-out clips are denoised under every prompt of the vocabulary.

The prompt under which the same clip, noised by the same noise to the same timestep, is denoised best is the network's
own reading of the clip (Li et al. 2023, 2303.16203). A network that ignores its prompt ranks at chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule
from t2s.errors import UserError
from t2s.evaluation.arrays import Labels, PerClip
from t2s.evaluation.bootstrap import Bootstrap, named
from t2s.evaluation.noising import DenoiseX0, FixedNoise, clip_mse
from t2s.evaluation.recognition import hits
from t2s.evaluation.wilson import share
from t2s.progress import track


@dataclass(frozen=True)
class TimestepBin:
    """Timesteps first … last; `middle` stands for them."""

    first: int
    last: int

    @property
    def middle(self) -> int:
        return (self.first + self.last) // 2


@dataclass(frozen=True)
class PromptLosses:
    """x0-MSE of n clips in T' bins under P prompts, `prompts` (n, T', P), and under the null prompt, `null` (n, T')."""

    bins: tuple[TimestepBin, ...]
    prompts: PerClip
    null: PerClip
    intended: Labels

    @property
    def ways(self) -> int:
        """P, the number of prompts; chance is 1 / P. Of one prompt there is no ranking and no loss under another."""
        return int(self.prompts.shape[2])

    @property
    def under_intended(self) -> PerClip:
        """(n, T')."""
        losses: PerClip = np.take_along_axis(self.prompts, self.intended[:, None, None], axis=2)[..., 0]
        return losses

    @property
    def under_others(self) -> PerClip:
        """Mean over the other prompts, (n, T'): the expected loss under a shuffled prompt."""
        losses: PerClip = (self.prompts.sum(axis=2) - self.under_intended) / (self.ways - 1)
        return losses

    @property
    def shuffled_gap(self) -> PerClip:
        """What a shuffled prompt costs, over all bins, (n,)."""
        gap: PerClip = (self.under_others - self.under_intended).mean(axis=1)
        return gap

    def scores(self) -> PerClip:
        """(n, P), lower is better: losses relative to their mean over prompts, so that no bin outweighs another."""
        relative = self.prompts / self.prompts.mean(axis=2, keepdims=True)
        scores: PerClip = relative.mean(axis=1)
        return scores


def timestep_bins(num_timesteps: int, count: int) -> tuple[TimestepBin, ...]:
    """Equal bins over 0 … T-1, at most one per timestep."""
    edges = np.linspace(0, num_timesteps, min(count, num_timesteps) + 1).round().astype(int).tolist()
    return tuple(TimestepBin(low, high - 1) for low, high in pairwise(edges))


def prompt_losses(
    denoise_x0: DenoiseX0,
    schedule: Schedule,
    clips: Tensor,
    intended: Labels,
    prompt_ids: Tensor,
    bins: Sequence[TimestepBin],
    seed: int,
    batch_size: int,
) -> PromptLosses:
    """Denoise clips (n, 3, F, H, W) under each of the prompts (P, L) and the null prompt (a row of zeros).

    Raises:
        UserError: an error that is not finite.
    """
    noise = FixedNoise(schedule, seed)
    ids = torch.cat([prompt_ids, torch.zeros_like(prompt_ids[:1])])
    losses = np.empty((len(clips), len(bins), len(ids)))
    for number in track(range(len(clips)), "ranking", total=len(clips)):
        x0 = clips[number]
        for column, each in enumerate(bins):
            x_t = noise.noised(x0, number, each.middle)
            parts = []
            for part in torch.split(ids, batch_size):
                steps = torch.full((len(part),), each.middle, device=x0.device)
                guess = denoise_x0(x_t.expand(len(part), *x_t.shape), steps, part)
                parts.append(clip_mse(guess, x0.expand_as(guess)))
            losses[number, column] = torch.cat(parts).cpu().numpy()
    if not np.isfinite(losses).all():
        raise UserError("the network answers with NaN or infinity: nothing can be measured on it; train it again")
    return PromptLosses(tuple(bins), losses[:, :, :-1], losses[:, :, -1], intended)


def ranks(scores: PerClip, intended: Labels) -> PerClip:
    """Rank of the intended prompt among P scores (n, P), 1 = lowest; ties share the middle rank."""
    own = np.take_along_axis(scores, intended[:, None], axis=1)
    rank: PerClip = 1 + (scores < own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return rank


def top1(scores: PerClip, intended: Labels) -> PerClip:
    """1 where the intended prompt scores lowest, (n,); ties share the credit, so ignoring the prompt gives 1 / P."""
    own = np.take_along_axis(scores, intended[:, None], axis=1)
    return np.where((scores < own).any(axis=1), 0.0, 1 / (scores == own).sum(axis=1))


def ranking_report(losses: PromptLosses, bootstrap: Bootstrap) -> dict[str, Any]:
    """The `ranking` part of reports/faithfulness.json: over all bins, and per bin; null where there is one prompt."""
    return {
        **_ranking(losses.scores(), losses.intended, bootstrap),
        "ways": losses.ways,
        "chance": 1 / losses.ways,
        "per_bin": [
            {**_describe(each), **_ranking(losses.prompts[:, column], losses.intended, bootstrap)}
            for column, each in enumerate(losses.bins)
        ],
    }


def loss_gap_report(losses: PromptLosses, bootstrap: Bootstrap) -> dict[str, Any]:
    """The `loss_gap` part: x0-MSE under shuffled and null prompts minus under the intended one; > 0 = text counts.

    Null for shuffled prompts where there is one prompt.
    """
    null = losses.null - losses.under_intended
    shuffled = losses.under_others - losses.under_intended if losses.ways > 1 else None
    gaps = {"shuffled_minus_intended": shuffled, "null_minus_intended": null}
    report: dict[str, Any] = {}
    for name, gap in gaps.items():
        if gap is None:
            report |= named(None, name) | named(None, f"{name}_relative")
            continue
        report |= bootstrap.mean(gap.mean(axis=1)).named(name)
        relative = bootstrap.paired_ratio(gap.mean(axis=1), losses.under_intended.mean(axis=1))
        report |= relative.named(f"{name}_relative")
    report["per_bin"] = [_describe(each) for each in losses.bins]
    for column, row in enumerate(report["per_bin"]):
        for name, gap in gaps.items():
            row |= named(None if gap is None else bootstrap.mean(gap[:, column]), name)
    return report


def _ranking(scores: PerClip, intended: Labels, bootstrap: Bootstrap) -> dict[str, Any]:
    if scores.shape[1] == 1:
        return named(None, "top5") | named(None, "mean_rank") | named(None, "top1")
    rank = ranks(scores, intended)
    top5 = share(hits(-scores, intended, k=5)) if scores.shape[1] > 5 else None
    return {
        **named(top5, "top5"),
        **bootstrap.mean(rank).named("mean_rank"),
        **share(top1(scores, intended)).named("top1"),
    }


def _describe(each: TimestepBin) -> dict[str, int]:
    return {"first_t": each.first, "last_t": each.last, "t": each.middle}
