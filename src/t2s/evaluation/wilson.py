"""The interval of a share of few clips."""

from math import sqrt
from statistics import NormalDist

from t2s.evaluation.bootstrap import LEVEL

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def wilson(share: float, n: int) -> tuple[float, float]:
    """95 % score interval of a share in 0..1 of n clips (Wilson 1927, eq. 6 and following).

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
    return max(0.0, middle - half), min(1.0, middle + half)
