"""Who reads clips for the evaluation: the project's recogniser, or a network of another's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from t2s.errors import UserError
from t2s.evaluation.arrays import Floats, Labels


class ClipSequence(Protocol):
    """Clips in order: an array or tensor (N, 3, F, H, W) in [-1, 1], or what reads such slices lazily."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


@dataclass(frozen=True)
class Reading:
    """What a judge says of N clips, float32: logits (N, K), and features (N, D), for Fréchet distances."""

    logits: Floats
    features: Floats

    @property
    def predictions(self) -> Labels:
        """The most likely sign of each clip, (N,)."""
        predictions: Labels = self.logits.argmax(axis=1)
        return predictions


class Judge(Protocol):
    """Tells which sign a clip shows. It must never have seen a generated clip."""

    @property
    def signs(self) -> tuple[str, ...]:
        """What it knows, in the order of its logits."""
        ...

    @property
    def gate_margin(self) -> float:
        """How far above chance it must read real held-out clips before it may judge generated ones, 0 … 1."""
        ...

    def read(self, clips: ClipSequence) -> Reading:
        """Clips of any length and size, N ≥ 0, in batches that its memory holds."""
        ...


def reading_of(judge: Judge, clips: ClipSequence) -> Reading:
    """What the judge says of clips. Raises UserError where that is not finite."""
    reading = judge.read(clips)
    if not (np.isfinite(reading.logits).all() and np.isfinite(reading.features).all()):
        raise UserError("the recogniser answers with NaN or infinity: it cannot judge; train it again")
    return reading


def labels_of(judge: Judge, signs: Sequence[str]) -> Labels:
    """Positions of signs in the judge's logits. Raises UserError naming the first one that it does not know."""
    position = {sign: index for index, sign in enumerate(judge.signs)}
    for sign in signs:
        if sign not in position:
            raise UserError(f"the recogniser knows no sign '{sign}'; train it again on the current clips")
    return np.array([position[sign] for sign in signs], dtype=np.int64)
