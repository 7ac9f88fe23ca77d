"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) for many matrices at once.

Legend: K matrices, R rows, C columns.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from t2s.choices import Precision
from t2s.precision import resolve_precision

QUINTIC = (3.4445, -4.7750, 2.0315)  # a, b, c of Jordan et al.: steep at 0, so that few steps do
NUM_ITERATIONS = 5
SMALLEST_NORM = 1e-7  # a gradient of zeros stays one
MATCHED_RMS = 0.2  # of AdamW's updates (Liu et al. 2025, 2502.16982, eq. 4), so that both take one learning rate


class Muon(Optimizer):
    """`torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, bit for bit in bf16, in two thirds of the time there.

    torch's goes from matrix to matrix. A network's blocks repeat a few shapes: here all of a shape are orthogonalised
    in the same batched products, which small matrices fill better, and a GPU gets one kernel for many. torch's also
    multiplies in bf16 everywhere, which takes most CPUs seconds a step.
    """

    def __init__(
        self,
        params: Iterable[dict[str, object]],
        lr: float,
        *,
        weight_decay: float,
        momentum: float = 0.95,
        precision: Precision = "auto",
    ) -> None:
        """`params`: groups of matrices (R, C), which decay by `weight_decay` · `lr` a step.

        `precision`: what they are orthogonalised in; auto: bf16 where the hardware multiplies it, else fp32.

        Raises:
            ValueError: a parameter that is no matrix.
        """
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.precision: Precision = precision
        shapes = [tuple(parameter.shape) for group in self.param_groups for parameter in group["params"]]
        if odd := [shape for shape in shapes if len(shape) != 2]:
            raise ValueError(f"Muon is for matrices, not for parameters of shape {odd[0]}")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One step of every matrix that has a gradient; returns what `closure` does, a float or None."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            learning = {parameter: parameter.grad for parameter in group["params"] if parameter.grad is not None}
            ahead = [self._ahead(*each, group["momentum"]) for each in learning.items()]
            updates = orthogonalised([self._working(matrix) for matrix in ahead])
            for parameter, update in zip(learning, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * (MATCHED_RMS * math.sqrt(max(parameter.shape))))
        return loss

    def _working(self, matrix: Tensor) -> Tensor:
        """The matrix in the type in which it is orthogonalised."""
        return matrix.bfloat16() if resolve_precision(self.precision, matrix.device) == "bf16" else matrix.float()

    def _ahead(self, parameter: nn.Parameter, gradient: Tensor, momentum: float) -> Tensor:
        """The gradient, moved toward the average that it now belongs to (Nesterov)."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def orthogonalised(matrices: list[Tensor]) -> list[Tensor]:
    """About U Vᵀ of each matrix U S Vᵀ, (R, C) → (R, C) of its type: singular values of .7 to 1.2 in place of S.

    A matrix and its transpose have one result, so both are done lying down (Jordan et al. 2024, `zeropower`).
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, matrix in enumerate(matrices):
        places.setdefault(tuple(sorted(matrix.shape)), []).append(place)
    made = list(matrices)
    for same in places.values():
        scaled = [unit(matrices[place]) for place in same]
        for place, result in zip(same, newton_schulz(torch.stack([lying(matrix) for matrix in scaled])), strict=True):
            made[place] = result if lying(matrices[place]) is matrices[place] else result.mT
    return made


def unit(matrix: Tensor) -> Tensor:
    """Scaled to a Frobenius norm of 1, so that no singular value is above it.

    One matrix at a time: summed in another order, as in batches, one norm in ten thousand rounds to another bf16.
    """
    scaled: Tensor = matrix / matrix.norm().clamp(min=SMALLEST_NORM)
    return scaled


def lying(matrix: Tensor) -> Tensor:
    """With no more rows than columns: the matrix itself, or its transpose."""
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix


def newton_schulz(x: Tensor) -> Tensor:
    """Unit matrices (K, R, C), R ≤ C → the same: X ← a X + (b A + c A²) X with A = X Xᵀ, `NUM_ITERATIONS` times."""
    a, b, c = QUINTIC
    for _ in range(NUM_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
