"""What evaluation keeps of the training clips: their mean, their power, and thumbnails to search for copies."""

from dataclasses import dataclass

import numpy as np
import torch

from t2s.errors import UserError
from t2s.evaluation.arrays import Floats, PerClip
from t2s.evaluation.distances import thumbnails
from t2s.evaluation.real import RealClips
from t2s.evaluation.timesteps import TrainMoments


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
        total: PerClip | float = 0.0
        power, small = 0.0, []
        for batch in clips.batches():
            total = total + batch.sum(axis=0, dtype=np.float64)
            power += float((batch.astype(np.float64) ** 2).mean(axis=(1, 2, 3, 4)).sum())
            small.append(thumbnails(batch))
        mean = torch.as_tensor(np.asarray(total) / len(clips), dtype=torch.float32)
        return cls(clips, TrainMoments(mean, power / len(clips)), np.concatenate(small))
