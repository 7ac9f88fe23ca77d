"""The three things a network may predict, and the algebra between them (Salimans & Ho 2022, 2202.00512).

v = a · eps - s · x0. All tensors (B, …); t: (B,).
"""

from torch import Tensor

from t2s.diffusion.config import PredictionType
from t2s.diffusion.schedule import Schedule, at

TINY_SIGNAL = 1e-8  # only reached where SNR = 0 and x0 cannot be had from epsilon


def target(kind: PredictionType, x0: Tensor, eps: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """What a perfect network of this kind returns."""
    if kind == "sample":
        return x0
    if kind == "epsilon":
        return eps
    return at(schedule.signal, t, x0) * eps - at(schedule.noise, t, x0) * x0


def to_x0(kind: PredictionType, prediction: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The clean clip a prediction implies: x0, (x_t - s·eps)/a, or a·x_t - s·v."""
    if kind == "sample":
        return prediction
    a, s = at(schedule.signal, t, x_t), at(schedule.noise, t, x_t)
    if kind == "epsilon":
        return (x_t - s * prediction) / a.clamp(min=TINY_SIGNAL)
    return a * x_t - s * prediction


def to_eps(kind: PredictionType, prediction: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The noise a prediction implies: eps, (x_t - a·x0)/s, or s·x_t + a·v."""
    if kind == "epsilon":
        return prediction
    a, s = at(schedule.signal, t, x_t), at(schedule.noise, t, x_t)
    if kind == "sample":
        return (x_t - a * prediction) / s
    return s * x_t + a * prediction


def to_v(kind: PredictionType, prediction: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The velocity a prediction implies: v, or (a·x_t - x0)/s."""
    if kind == "v":
        return prediction
    a, s = at(schedule.signal, t, x_t), at(schedule.noise, t, x_t)
    return (a * x_t - to_x0(kind, prediction, x_t, t, schedule)) / s
