"""Splits the project makes itself: by a hash of signer or video, so that none of them is ever in two splits."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence

_FEWEST = 3  # below this many keys nothing can be held out and something be left to train on


def make_splits(keys: Sequence[str], strata: Sequence[str], val_fraction: float, test_fraction: float) -> list[str]:
    """One split per clip, such that clips with equal keys share it; the same for the same set of keys, always.

    Keys are ordered by their SHA-256: the first test_fraction go to test, the next val_fraction to val, the rest
    to train. A fraction above 0 of three keys or more holds out one at least. When every key belongs to one
    stratum (a video that shows one sign) this is done per stratum, so that each sign is in every split.

    Args:
        keys: signer or video of each clip.
        strata: sign of each clip, "" for none.
    """
    by_stratum = _keys_by_stratum(keys, strata)
    split_of = _split_each(by_stratum.values(), val_fraction, test_fraction)
    if set(split_of.values()) == {"train"}:
        split_of = _split_each([set(keys)], val_fraction, test_fraction)
    return [split_of[key] for key in keys]


def disjoint_key(signers: Sequence[str], videos: Sequence[str], splits: Sequence[str]) -> str:
    """What really never appears in two splits: "signer" (every clip's is known), else "video", else "none"."""
    if all(signers) and _is_disjoint(signers, splits):
        return "signer"
    return "video" if _is_disjoint(videos, splits) else "none"


def enough_keys(keys: Iterable[str]) -> bool:
    """Whether every clip has a key, and there are enough of them to hold some out."""
    distinct = set(keys)
    return "" not in distinct and len(distinct) >= _FEWEST


def hash_order(key: str) -> str:
    """Sort key: an order that has nothing to do with names, and is the same on every machine."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _keys_by_stratum(keys: Sequence[str], strata: Sequence[str]) -> Mapping[str, set[str]]:
    strata_of: dict[str, set[str]] = {}
    for key, stratum in zip(keys, strata, strict=True):
        strata_of.setdefault(key, set()).add(stratum)
    if any(len(found) > 1 for found in strata_of.values()):
        return {"": set(keys)}
    by_stratum: dict[str, set[str]] = {}
    for key, found in strata_of.items():
        by_stratum.setdefault(next(iter(found)), set()).add(key)
    return by_stratum


def _split_each(groups: Iterable[set[str]], val_fraction: float, test_fraction: float) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for group in groups:
        ordered = sorted(group, key=hash_order)
        num_test = _held_out(len(ordered), test_fraction)
        num_val = _held_out(len(ordered), val_fraction)
        for position, key in enumerate(ordered):
            split_of[key] = "test" if position < num_test else "val" if position < num_test + num_val else "train"
    return split_of


def _held_out(num_keys: int, fraction: float) -> int:
    return max(1, round(fraction * num_keys)) if fraction > 0 and num_keys >= _FEWEST else 0


def _is_disjoint(keys: Sequence[Hashable], splits: Sequence[str]) -> bool:
    split_of: dict[Hashable, str] = {}
    return all(split_of.setdefault(key, split) == split for key, split in zip(keys, splits, strict=True))
