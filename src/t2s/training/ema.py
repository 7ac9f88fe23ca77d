"""Exponential moving average of the weights, with the ramp that short runs need."""

import torch
from torch import Tensor, nn


class EMA:
    """Shadow weights: w ← w + (1 - d)(model - w), d = min(decay, (1 + step) / (10 + step)), TensorFlow's ramp.

    Only of what is trained: what is frozen is its own average.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        trained = [(name, weights) for name, weights in model.named_parameters() if weights.requires_grad]
        self.names = [name for name, _ in trained]
        self._live = [weights.detach() for _, weights in trained]
        self.shadow = [parameter.clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Call once after optimizer step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, self._live, 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Shadow weights by parameter name."""
        return dict(zip(self.names, self.shadow, strict=True))

    def averaged(self, model: nn.Module) -> dict[str, Tensor]:
        """The model's whole state with the shadow weights in place of the live ones: what a checkpoint holds."""
        return {**model.state_dict(), **self.state()}

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
