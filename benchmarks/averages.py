"""Averages of the weights beside the one that is exported: several of one training, kept as it goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

Decay = Callable[[int], float]  # of the step, from 1


def constant(decay: float) -> Decay:
    """With TensorFlow's ramp, as t2s.training.ema."""
    return lambda step: min(decay, step / (9 + step))


def power(gamma: float) -> Decay:
    """Karras et al. 2024 (2312.02696), eq. 124: the average's width is a constant share of the steps so far."""
    return lambda step: (1 - 1 / step) ** (gamma + 1)


WIDTHS = {"05": 16.97, "10": 6.94, "15": 3.56}  # of a power's profile, hundredths of the steps so far → its exponent
AVERAGES: dict[str, Decay] = {
    "none": lambda step: 0.0,
    "constant .99": constant(0.99),
    "constant .995": constant(0.995),
    "constant .998": constant(0.998),
    "constant .9995": constant(0.9995),
    **{f"power, width .{width}": power(gamma) for width, gamma in WIDTHS.items()},
}


class Averages:
    """Shadow weights of one model, by the name of their decay."""

    def __init__(self, model: nn.Module, decays: dict[str, Decay]) -> None:
        self._live = [parameter.detach() for parameter in model.parameters()]
        self._decays = decays
        self._shadows = {name: [each.clone() for each in self._live] for name in decays}
        self._step = 0

    @torch.no_grad()
    def update(self) -> None:
        """Call after each optimizer step."""
        self._step += 1
        for name, decay in self._decays.items():
            torch._foreach_lerp_(self._shadows[name], self._live, 1 - decay(self._step))

    @contextmanager
    def in_turn(self) -> Iterator[Iterator[str]]:
        """An iterator that puts one average after the other into the model; what was there comes back at the end."""
        held = [each.clone() for each in self._live]

        def names() -> Iterator[str]:
            for name, shadow in self._shadows.items():
                self._put(shadow)
                yield name

        try:
            yield names()
        finally:
            self._put(held)

    @torch.no_grad()
    def _put(self, weights: list[torch.Tensor]) -> None:
        for live, each in zip(self._live, weights, strict=True):
            live.copy_(each)
