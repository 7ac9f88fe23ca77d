"""Exponential moving average of the weights, with the ramp that short runs need."""

import torch
from torch import Tensor, nn


class EMA:
    """Shadow weights: w ← w + (1 - d)(model - w), d = min(decay, (1 + step) / (10 + step)), TensorFlow's ramp."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.names = [name for name, _ in model.named_parameters()]
        self._live = [parameter.detach() for parameter in model.parameters()]
        self.shadow = [parameter.clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Call once after optimizer step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, self._live, 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Shadow weights by parameter name."""
        return dict(zip(self.names, self.shadow, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` gave."""
        for name, shadow in zip(self.names, self.shadow, strict=True):
            shadow.copy_(state[name])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange live and shadow weights, in place: call before and after an evaluation."""
        for live, shadow in zip(self._live, self.shadow, strict=True):
            held = live.clone()
            live.copy_(shadow)
            shadow.copy_(held)
