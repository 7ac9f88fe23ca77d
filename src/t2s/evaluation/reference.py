"""What evaluation keeps of the training clips: their mean, their power, and thumbnails to search for copies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from t2s.diffusion.baselines import TrainMoments
from t2s.errors import UserError
from t2s.evaluation.arrays import Floats
from t2s.evaluation.distances import thumbnails
from t2s.evaluation.real import RealClips


@dataclass(frozen=True)
class TrainReference:
    """`clips` are searched for copies; `thumbnails`: (n, V), one row for each. `of_clips`: all that were trained on."""

    clips: RealClips
    moments: TrainMoments
    thumbnails: Floats
    of_clips: int

    @classmethod
    def measure(cls, train: RealClips, signs: Sequence[str], max_clips: int, seed: int) -> "TrainReference":
        """Over at most `max_clips` training clips: moments of all signs alike, the search among those of `signs` first.

        A generator that is asked for some of many signs would copy clips of these: a search among all alike would miss
        most of what it copied.

        Raises:
            UserError: there are none.
        """
        if not train.rows:
            raise UserError(f"{train.store.folder}: no clip is in the train split; nothing to compare with")
        moments = train_moments(train, max_clips, seed)
        own = train.of_signs(signs).balanced(max_clips, seed)
        others = train.of_signs(sorted(set(train.signs) - set(signs))).balanced(max_clips - len(own), seed)
        searched = RealClips(train.store, tuple(sorted({*own.rows, *others.rows})))
        return cls(searched, moments, np.concatenate([thumbnails(batch) for batch in searched.batches()]), len(train))


def train_moments(train: RealClips, max_clips: int, seed: int) -> TrainMoments:
    """Mean and power of at most so many training clips, every sign alike."""
    return TrainMoments.of(train.balanced(max_clips, seed).batches())
