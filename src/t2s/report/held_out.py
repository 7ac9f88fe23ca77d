"""What may be claimed of the clips that were not trained on: that their signers are new, or only that they are."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from t2s.data.clips import ClipRecord, ClipStore, to_uint8

UNSEEN_SIGNER, HELD_OUT, TRAINED_ON = "real, unseen signer", "real, held-out clip", "real, trained on"


def new_signers(store: ClipStore | None) -> frozenset[str]:
    """The named signers outside train, when the data were split by signer and none of them is in train; else none.

    Clips that name no signer do not count: nobody knows whose they are.
    """
    if store is None or store.meta.source.get("split_key") != "signer":
        return frozenset()
    trained = signers(record for record in store.records if record.split == "train")
    held_out = signers(record for record in store.records if record.split != "train")
    return held_out if trained and not trained & held_out else frozenset()


def signers(records: Iterable[ClipRecord]) -> frozenset[str]:
    """Those that are named."""
    return frozenset(record.signer for record in records if record.signer)


def held_out_clips(store: ClipStore | None) -> str:
    """The real clips behind the ceiling, in as many words as the splits allow."""
    return "real clips of unseen signers" if new_signers(store) else "real held-out clips"


def real_example(store: ClipStore, prompt: str) -> tuple[str, npt.NDArray[np.uint8], float] | None:
    """A clip of the prompt from a split that was not trained on, else from train: (where from, frames, fps)."""
    for split in ("test", "val", "train"):
        for i in store.indices(split):
            record = store.records[i]
            if record.text == prompt:
                return _origin(record, store), to_uint8(store.pixels(i)), record.fps
    return None


def _origin(record: ClipRecord, store: ClipStore) -> str:
    if record.split == "train":
        return TRAINED_ON
    return UNSEEN_SIGNER if record.signer in new_signers(store) else HELD_OUT
