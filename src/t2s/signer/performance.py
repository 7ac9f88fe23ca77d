"""How one person signs once: small differences of time, place and pose, drawn from a seed."""

from dataclasses import dataclass
from typing import Self
from zlib import crc32

import numpy as np

from t2s.signer.appearance import Signer

PREPARATION, TRANSITION, RETRACTION = 0.165, 0.18, 0.175  # shares of a one-sign clip, at tempo 1
_PLACE_JITTER, _TILT_JITTER_DEGREES = 0.008, 5.0  # standard deviations; cut at twice these


@dataclass(frozen=True)
class Performance:
    """Times are shares of a one-sign clip; lengths are in figure units."""

    onset: float  # the hands leave their rest
    preparation: float  # time from rest to sign
    transition: float  # time from one sign to the next
    retraction: float  # time from sign to rest
    tail: float  # the hands are back this long before the end
    amplitude: float  # factor on every path
    phase: float  # where a circle begins, radians
    skew: float  # > 0: quick at first, slow later
    place: tuple[float, float, float]
    tilt_degrees: tuple[float, float, float]  # about the hand's side, fingers and palm

    @classmethod
    def sample(cls, signer: Signer, text: str, index: int) -> Self:
        """Performance `index` of a text by a signer, of whom only seed, index and manner count."""
        rng = np.random.default_rng(np.random.SeedSequence((signer.seed, signer.index, crc32(text.encode()), index)))
        pace = signer.tempo * rng.uniform(0.95, 1.05)
        x, y, z = _jitter(rng, _PLACE_JITTER)
        side, fingers, palm = _jitter(rng, _TILT_JITTER_DEGREES)
        return cls(
            onset=rng.uniform(0.0, 0.03),
            preparation=PREPARATION / pace,
            transition=TRANSITION / pace,
            retraction=RETRACTION / pace,
            tail=rng.uniform(0.0, 0.03),
            amplitude=signer.amplitude * rng.uniform(0.92, 1.08),
            phase=rng.uniform(-0.35, 0.35),
            skew=rng.uniform(-0.15, 0.15),
            place=(x, y, z),
            tilt_degrees=(side, fingers, palm),
        )

    def timetable(self, num_signs: int) -> list[tuple[float, float]]:
        """(start, end) of the first rest, of each sign and of the last rest, as shares of a clip holding all."""
        stroke = 1.0 - self.onset - self.preparation - self.retraction - self.tail
        length = 1.0 + (num_signs - 1) * (stroke + self.transition)
        starts = [self.onset + self.preparation + i * (stroke + self.transition) for i in range(num_signs)]
        spans = [(0.0, self.onset), *((start, start + stroke) for start in starts), (length - self.tail, length)]
        return [(start / length, end / length) for start, end in spans]


def _jitter(rng: np.random.Generator, deviation: float) -> list[float]:
    return [float(value) for value in deviation * rng.normal(size=3).clip(-2.0, 2.0)]
