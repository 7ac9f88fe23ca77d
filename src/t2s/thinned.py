"""Clips seen in part: averaged, or with only some frames at full size. Knows tensors by their methods alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Thinned(NamedTuple):
    """Tells a network that x_t holds only `frames`, and that only those are to be answered.

    frames: slice(start, None, step) with a step that is a multiple of tubelet_size.
    around: (B, C, F, H / pool, W / pool), the whole noisy clip averaged by `model.input_pool`, as the trunk sees it.
    """

    frames: slice
    around: Tensor

    def part(self, some: slice) -> Thinned:
        """Only these clips of the batch."""
        return Thinned(self.frames, self.around[some])


def averaged(clips: Tensor, pool: int) -> Tensor:
    """The mean of every pool × pool pixels: (B, C, F, H, W) → (B, C, F, H / pool, W / pool); at 1 the clips themselves.

    By slices: for 2 × 2 on a CPU torch's own average pooling takes twice as long.
    """
    if pool == 1:
        return clips
    corners = [clips[..., row::pool, column::pool] for row in range(pool) for column in range(pool)]
    total = corners[0] + corners[1]
    for corner in corners[2:]:
        total += corner
    return total.div_(pool**2)
