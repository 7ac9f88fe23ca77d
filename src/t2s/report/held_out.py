"""What may be claimed of the clips that were not trained on: that their signers are new, or only that they are."""

from collections.abc import Iterable

from t2s.data.clips import ClipRecord, ClipStore


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
