"""Real clips as evaluation reads them: lazily, in order, with their labels."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from t2s.data.clips import ClipRecord, ClipStore
from t2s.evaluation.arrays import Floats
from t2s.evaluation.balance import balanced_rows

logger = logging.getLogger(__name__)

HELD_OUT_SPLITS = ("test", "val")  # the first that has clips
BATCH_SIZE = 32  # a matter of memory, not of results


@dataclass(frozen=True)
class RealClips:
    """Some clips of a store. Slices are (n, 3, F, H, W) float32 in [-1, 1]."""

    store: ClipStore
    rows: tuple[int, ...]

    @classmethod
    def of_split(cls, store: ClipStore, split: str) -> "RealClips":
        return cls(store, tuple(store.indices(split)))

    @classmethod
    def held_out(cls, store: ClipStore) -> "RealClips":
        """The test clips, or the validation clips of a data set without a test split; maybe none.

        Without those that are stored in the train split too, to the bit: nobody has held them out.
        """
        splits = (cls.of_split(store, split) for split in HELD_OUT_SPLITS)
        clips = next((clips for clips in splits if clips.rows), cls(store, ()))
        learned = {store.records[row].sha256 for row in store.indices("train")}
        kept = cls(store, tuple(row for row in clips.rows if store.records[row].sha256 not in learned))
        if left_out := len(clips) - len(kept):
            logger.warning("%d held-out clips are left out: they are in the train split too", left_out)
        return kept

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice, /) -> Floats:
        return self.store.batch(self.rows[rows])

    @property
    def records(self) -> list[ClipRecord]:
        return [self.store.records[row] for row in self.rows]

    @property
    def signs(self) -> list[str]:
        """The sign of each clip; its caption where the data names none (sentences)."""
        return [sign_of(record) for record in self.records]

    @property
    def signers(self) -> list[str]:
        return [record.signer for record in self.records]

    @property
    def texts(self) -> list[str]:
        return [record.text for record in self.records]

    def with_signs(self) -> "RealClips":
        """Those that the data names a sign for; none of sentence data."""
        return RealClips(self.store, tuple(row for row in self.rows if self.store.records[row].sign))

    def of_signs(self, signs: Sequence[str]) -> "RealClips":
        """Those of the named signs."""
        wanted = set(signs)
        return RealClips(self.store, tuple(row for row in self.rows if sign_of(self.store.records[row]) in wanted))

    def balanced(self, count: int, seed: int) -> "RealClips":
        """At most `count` clips, as equally many per sign as there are, drawn at random; in the store's order."""
        return self.at(balanced_rows(self.signs, count, np.random.default_rng(seed)).tolist())

    def at(self, positions: Sequence[int]) -> "RealClips":
        """Those at these positions, in this order, repeated where asked for twice."""
        return RealClips(self.store, tuple(self.rows[position] for position in positions))

    def batches(self) -> Iterator[Floats]:
        for start in range(0, len(self), BATCH_SIZE):
            yield self[start : start + BATCH_SIZE]


def sign_of(record: ClipRecord) -> str:
    """What a clip should be recognised as."""
    return record.sign or record.text
