"""Intervals of shares: of clips that are right, and of two such shares."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from t2s.evaluation.bootstrap import LEVEL, Estimate

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def wilson(share: float, n: float) -> tuple[float, float]:
    """95 % score interval of a share in 0..1 of n ≥ 1 clips, whole or not (Wilson 1927, eq. 6 and following).

    Unlike the bootstrap's it does not shrink to a point where all clips are right or all wrong: 8 of 8 is .68–1.
    Shared credit for ties may make n · share a fraction.

    Raises:
        ValueError: there are no clips.
    """
    if n < 1:
        raise ValueError("no clips to estimate from")
    square = _Z**2 / n
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * sqrt(share * (1 - share) / n + square / (4 * n))
    # An end that is the share itself, as of all clips, is so to the last digit.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def share(hits: npt.ArrayLike) -> Estimate:
    """The mean of hits in 0..1, one a clip, with Wilson's interval. Raises ValueError when there are no clips."""
    right = np.asarray(hits, dtype=np.float64)
    low, high = wilson(float(right.mean()) if len(right) else 0.0, len(right))
    return Estimate(float(right.mean()), low, high, len(right))


def share_by_sign(hits: npt.ArrayLike, signs: Sequence[str]) -> Estimate:
    """The mean over signs of each one's share: every sign counts alike, as among generated clips.

    So who always says the commonest sign is right once in as many times as there are signs. The interval is Wilson's of
    S² / Σ 1/n_s clips, whose share would vary as much; that is all of them where S signs have n_s alike. n is all of
    them. Raises ValueError when there are no clips.
    """
    right, names = np.asarray(hits, dtype=np.float64), np.asarray(signs)
    _, rows, sizes = np.unique(names, return_inverse=True, return_counts=True)
    if not len(sizes):
        raise ValueError("no clips to estimate from")
    value = float((np.bincount(rows, right) / sizes).mean())
    low, high = wilson(value, len(sizes) ** 2 / float((1 / sizes).sum()))
    return Estimate(value, low, high, len(right))


def share_ratio(top: Estimate, bottom: Estimate) -> Estimate | None:
    """The ratio of two shares of different clips; None where the lower one is 0.

    Its interval is put together from Wilson's of each (Newcombe 2016, MOVER-R, eq. 1; here in a form that divides by
    no difference). n is the number of clips above the line.
    """
    if bottom.value == 0:
        return None
    product = top.value * bottom.value
    lowest, highest = top.low * (2 * top.value - top.low), top.high * (2 * top.value - top.high)
    least, most = bottom.low * (2 * bottom.value - bottom.low), bottom.high * (2 * bottom.value - bottom.high)
    low = lowest / (product + sqrt(max(0.0, product**2 - lowest * most))) if lowest > 0 else 0.0
    high = (product + sqrt(max(0.0, product**2 - highest * least))) / least
    return Estimate(top.value / bottom.value, low, high, top.n)
