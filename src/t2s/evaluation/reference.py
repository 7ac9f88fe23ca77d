"""What evaluation keeps of the training clips: their mean, their power, and thumbnails to search for copies."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from t2s.diffusion.baselines import TrainMoments
from t2s.errors import UserError
from t2s.evaluation.arrays import Floats
from t2s.evaluation.distances import thumbnails
from t2s.evaluation.real import RealClips


@dataclass(frozen=True)
class TrainReference:
    """Measured over the training clips in one pass. `thumbnails`: (n, V), one row per clip of `clips`."""

    clips: RealClips
    moments: TrainMoments
    thumbnails: Floats

    @classmethod
    def measure(cls, train: RealClips, max_clips: int, seed: int) -> "TrainReference":
        """Over at most `max_clips` of them, balanced by sign. Raises UserError when there are none."""
        clips = train.balanced(max_clips, seed)
        if not clips.rows:
            raise UserError(f"{train.store.folder}: no clip is in the train split; nothing to compare with")
        small: list[Floats] = []

        def batches() -> Iterator[Floats]:
            for batch in clips.batches():
                small.append(thumbnails(batch))
                yield batch

        moments = TrainMoments.of(batches())
        return cls(clips, moments, np.concatenate(small))
