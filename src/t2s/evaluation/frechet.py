"""Fréchet distance between clips in the recogniser's features, beside what real clips score against real clips.

Not "FVD": that name belongs to I3D's features. The distance falls with the number of clips, so the floor is measured
at the same number, on disjoint signers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from t2s.evaluation.arrays import Floats, Labels, PerClip
from t2s.evaluation.balance import balanced_rows

MIN_SIDE = 10  # clips of people who share no half: below, any clip may be in any half
Halves = Literal["people", "clips"]


@dataclass(frozen=True)
class FrechetReport:
    """Means over random halves of the real clips. Ranges: 2.5 % and 97.5 % of the splits.

    `ratio_range`: of generated over floor, both on the same halves; None where a floor is 0. `halves`: of "people", who
    are in one half or the other, or of "clips", where too few people have enough of them.
    """

    generated: float
    real_floor: float
    generated_range: tuple[float, float]
    real_range: tuple[float, float]
    ratio_range: tuple[float, float] | None
    clips_per_side: int
    splits: int
    halves: Halves


def frechet_distance(a: Floats, b: Floats) -> float:
    """|μa − μb|² + tr(Σa + Σb − 2 (Σa Σb)^½) of two sets (n, D), (m, D) (Dowson & Landau 1982; Heusel et al. 2017).

    Raises:
        ValueError: fewer than two rows in either set.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("the Fréchet distance needs at least two clips on each side")
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False, dtype=np.float64)) for x in (a, b))
    root = _square_root(cov_a)
    cross = np.linalg.eigvalsh(root @ cov_b @ root).clip(min=0)
    shift = a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)
    return float(max(0.0, shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(cross).sum()))


@dataclass(frozen=True)
class FeatureSet:
    """Features (N, D) of clips and the sign of each; `signers` where people made them."""

    features: Floats
    signs: Sequence[str]
    signers: Sequence[str] = ()

    def balanced(self, rows: Labels, count: int, rng: np.random.Generator) -> Floats:
        """`count` of some rows, balanced by sign: an unequal share of signs is no difference in looks."""
        chosen: Floats = self.features[rows[balanced_rows([self.signs[row] for row in rows], count, rng)]]
        return chosen


def frechet_report(generated: FeatureSet, real: FeatureSet, splits: int, seed: int) -> FrechetReport:
    """Generated against half of the real clips, and the other half against it, over random halves.

    All distances are between equally many clips: fewer are further apart.

    Raises:
        ValueError: fewer than four real clips, or fewer than two generated ones.
    """
    rng = np.random.default_rng(seed)
    everything = np.arange(len(generated.features))
    halves: Halves = "people"
    drawn = [disjoint_halves(real.signers, rng) for _ in range(splits)]
    if min(len(half) for pair in drawn for half in pair) < min(MIN_SIDE, len(real.signers) // 2):
        halves, drawn = "clips", [random_halves(len(real.signers), rng) for _ in range(splits)]
    size = min(len(everything), *(len(half) for pair in drawn for half in pair))
    fake, floor = [], []
    for one, other in drawn:
        reference = real.balanced(other, size, rng)
        floor.append(frechet_distance(real.balanced(one, size, rng), reference))
        fake.append(frechet_distance(generated.balanced(everything, size, rng), reference))
    ratios = _range([one / other for one, other in zip(fake, floor, strict=True)]) if min(floor) > 0 else None
    means = float(np.mean(fake)), float(np.mean(floor))
    return FrechetReport(*means, _range(fake), _range(floor), ratios, size, splits, halves)


def disjoint_halves(signers: Sequence[str], rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Row numbers of two random halves that share no signer; one is empty of one signer.

    Whoever has most clips chooses a side first, and each next goes to the smaller one.
    """
    names = np.asarray(signers)
    people, counts = np.unique(names, return_counts=True)
    sides: tuple[list[str], list[str]] = ([], [])
    clips = [0, 0]
    order = rng.permutation(len(people))
    for person in order[np.argsort(-counts[order], kind="stable")]:
        side = int(clips[1] < clips[0]) if clips[0] != clips[1] else int(rng.integers(2))
        sides[side].append(people[person])
        clips[side] += counts[person]
    return np.flatnonzero(np.isin(names, sides[0])), np.flatnonzero(np.isin(names, sides[1]))


def random_halves(count: int, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Row numbers of two random halves of so many clips."""
    rows = rng.permutation(count)
    return rows[: count // 2], rows[count // 2 :]


def _square_root(matrix: PerClip) -> PerClip:
    """Of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: PerClip = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root


def _range(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
