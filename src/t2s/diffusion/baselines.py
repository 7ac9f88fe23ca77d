"""What costs nothing: guesses of a clean clip that look at no network. Skill is held against the best of them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from t2s.diffusion.schedule import Schedule


@dataclass(frozen=True)
class TrainMoments:
    """What a trivial guess may know: the mean training clip (3, F, H, W) and E[x0²] over all pixels."""

    mean_clip: Tensor
    second_moment: float

    @classmethod
    def of(cls, batches: Iterable[npt.NDArray[np.float32]]) -> "TrainMoments":
        """Over batches of clips (b, 3, F, H, W) in [-1, 1]. Raises ValueError when there are none."""
        total: npt.NDArray[np.float64] | float = 0.0
        power, count = 0.0, 0
        for batch in batches:
            total = total + batch.sum(axis=0, dtype=np.float64)
            power += float((batch.astype(np.float64) ** 2).mean(axis=(1, 2, 3, 4)).sum())
            count += len(batch)
        if not count:
            raise ValueError("no clips to take the mean of")
        return cls(torch.as_tensor(np.asarray(total) / count, dtype=torch.float32), power / count)


def trivial_guesses(x_t: Tensor, t: int, schedule: Schedule, moments: TrainMoments) -> dict[str, Tensor]:
    """The x0 that each trivial guess implies for x_t (B, …); infinite where it needs a signal that is not there.

    zero: eps = 0. copy: eps = x_t. grey: x0 = 0. mean: x0 = the mean training clip.
    wiener: the best scalar multiple of x_t, x0 = a·v / (a²·v + s²) · x_t with v = E[x0²].
    """
    a, s = float(schedule.signal[t]), float(schedule.noise[t])
    v = moments.second_moment
    return {
        "zero": x_t / a if a > 0 else torch.full_like(x_t, math.inf),
        "copy": x_t * ((1 - s) / a if a > 0 else 0.0),
        "grey": torch.zeros_like(x_t),
        "mean": moments.mean_clip.to(x_t).expand_as(x_t),
        "wiener": x_t * (a * v / (a**2 * v + s**2)),
    }
