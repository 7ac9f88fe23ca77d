"""Fréchet distance between clips in the recogniser's features, beside what real clips score against real clips.

Not "FVD": that name belongs to I3D's features. The distance falls with the number of clips, so the floor is measured
at the same number, on disjoint signers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from t2s.evaluation.arrays import Floats, Labels, PerClip
from t2s.evaluation.balance import balanced_rows


@dataclass(frozen=True)
class FrechetReport:
    """Means over random halves of the real clips. Ranges: 2.5 % and 97.5 % of the splits.

    `ratio_range`: of generated over floor, both on the same halves; None where a floor is 0.
    """

    generated: float
    real_floor: float
    generated_range: tuple[float, float]
    real_range: tuple[float, float]
    ratio_range: tuple[float, float] | None
    clips_per_side: int
    splits: int


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

    Both sides of both distances hold equally many clips. The halves share no signer, see `disjoint_halves`.

    Raises:
        ValueError: fewer than four real clips, or fewer than two generated ones.
    """
    rng = np.random.default_rng(seed)
    everything = np.arange(len(generated.features))
    fake, floor, sizes = [], [], []
    for _ in range(splits):
        one, other = disjoint_halves(real.signers, rng)
        size = min(len(one), len(other), len(everything))
        reference = real.balanced(other, size, rng)
        floor.append(frechet_distance(real.balanced(one, size, rng), reference))
        fake.append(frechet_distance(generated.balanced(everything, size, rng), reference))
        sizes.append(size)
    ratios = _range([one / other for one, other in zip(fake, floor, strict=True)]) if min(floor) > 0 else None
    means = float(np.mean(fake)), float(np.mean(floor))
    return FrechetReport(*means, _range(fake), _range(floor), ratios, min(sizes), splits)


def disjoint_halves(signers: Sequence[str], rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Row numbers of two random halves that share no signer.

    Of clips at random where one signer would be alone with one clip, or with all: a distance needs two on each side.
    """
    names = np.asarray(signers)
    people = np.unique(names)
    chosen = np.isin(names, rng.permutation(people)[: len(people) // 2])
    if min(chosen.sum(), (~chosen).sum()) >= 2:
        return np.flatnonzero(chosen), np.flatnonzero(~chosen)
    rows = rng.permutation(len(names))
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def _square_root(matrix: PerClip) -> PerClip:
    """Of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: PerClip = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root


def _range(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
