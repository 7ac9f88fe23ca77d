"""Confidence intervals by the percentile bootstrap (Efron 1979), resampled by clip, widened for few clips."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from t2s.errors import UserError
from t2s.evaluation.arrays import Labels, PerClip

LEVEL = 0.95
MIN_CLIPS = 3  # of an interval
_CHUNK = 2**22  # resampled values held at a time


@dataclass(frozen=True)
class Estimate:
    """A measured value, its 95 % interval (NaN of too few clips), and the number of clips behind it."""

    value: float
    low: float
    high: float
    n: int

    def named(self, name: str) -> dict[str, Any]:
        """{name, name_ci, n} as the reports write it; name_ci is null where there is no interval."""
        return {name: self.value, f"{name}_ci": None if isnan(self.low) else [self.low, self.high], "n": self.n}


def named(estimate: Estimate | None, name: str) -> dict[str, Any]:
    """`Estimate.named`, and null where nothing could be estimated."""
    return {name: None, f"{name}_ci": None} if estimate is None else estimate.named(name)


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn: the same seed gives the same interval."""

    resamples: int
    seed: int

    def mean(self, values: npt.ArrayLike) -> Estimate:
        """The mean of one value per clip, (n,). Raises ValueError when there are none."""
        data = np.asarray(values, dtype=np.float64)
        return self.statistic(len(data), lambda rows: data[rows].mean(axis=-1))

    def ratio(self, above: npt.ArrayLike, below: npt.ArrayLike) -> Estimate | None:
        """The ratio of two means, one value per clip in each; the two sets of clips are resampled apart.

        None where the lower mean is 0. n is the number of clips above the line.
        """
        top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
        if bottom.mean() == 0:
            return None
        drawn = self._draw(len(top), lambda rows: top[rows].mean(axis=-1), stream=0)
        divisor = self._draw(len(bottom), lambda rows: bottom[rows].mean(axis=-1), stream=1)
        defined = divisor != 0
        value = float(top.mean() / bottom.mean())
        return _widened(_estimate(value, drawn[defined] / divisor[defined], len(top)), min(len(top), len(bottom)))

    def paired_ratio(self, above: npt.ArrayLike, below: npt.ArrayLike) -> Estimate:
        """The ratio of two means over the same clips, (n,) each, resampled together.

        Raises:
            UserError: the lower mean is 0, as it is where all clips are the same.
        """
        top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
        if bottom.mean() == 0:
            raise UserError("the clips do not differ, so nothing can be measured on them: check the data")
        drawn = self._draw(len(top), lambda rows: np.stack([top[rows].mean(-1), bottom[rows].mean(-1)], axis=1))
        drawn = drawn[drawn[:, 1] != 0]
        return _widened(_estimate(float(top.mean() / bottom.mean()), drawn[:, 0] / drawn[:, 1], len(top)), len(top))

    def redrawn(self, value: float, n: int, draw: Callable[[np.random.Generator], float]) -> Estimate:
        """A `value` of n clips, with its interval from resamples of one's own: `draw` makes one and measures it."""
        rng = np.random.default_rng((self.seed, 0))
        return _estimate(value, np.array([draw(rng) for _ in range(self.resamples)]), n)

    def statistic(self, n: int, of_rows: Callable[[Labels], PerClip]) -> Estimate:
        """Any statistic of n clips: `of_rows` maps row numbers (R, n) to values (R,)."""
        value = float(of_rows(np.arange(n)[None])[0]) if n else float("nan")
        return _widened(_estimate(value, self._draw(n, of_rows, stream=0), n), n)

    def _draw(self, n: int, of_rows: Callable[[Labels], PerClip], stream: int = 0) -> PerClip:
        if n == 0:
            raise ValueError("no clips to estimate from")
        rng = np.random.default_rng((self.seed, stream))
        size = max(1, _CHUNK // n)
        counts = [min(size, self.resamples - start) for start in range(0, self.resamples, size)]
        return np.concatenate([of_rows(rng.integers(n, size=(count, n))) for count in counts])


def _widened(estimate: Estimate, n: int) -> Estimate:
    """The interval of n clips as Student's t has it: the bootstrap's is a third too narrow at five (Hesterberg 2015).

    The percentile bootstrap knows neither the lost degree of freedom nor how unsure its own spread is.
    """
    if n < MIN_CLIPS:
        return Estimate(estimate.value, float("nan"), float("nan"), estimate.n)
    factor = student_t(n - 1) / NormalDist().inv_cdf((1 + LEVEL) / 2) * sqrt(n / (n - 1))
    low, high = (estimate.value + factor * (end - estimate.value) for end in (estimate.low, estimate.high))
    return Estimate(estimate.value, low, high, estimate.n)


def student_t(freedom: int) -> float:
    """97.5 % quantile of Student's t, from 2 degrees of freedom on within 3 % (Abramowitz & Stegun 1964, 26.7.5)."""
    z: float = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum((term / float(freedom**power) for power, term in enumerate(terms, start=1)), 0.0)


def _estimate(value: float, drawn: PerClip, n: int) -> Estimate:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), n)
