"""What a recogniser's logits (N, K) say of clips whose signs (N,) are known or asked for."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from t2s.evaluation.arrays import Floats, Labels, PerClip
from t2s.evaluation.wilson import wilson


def hits(logits: npt.NDArray[np.floating[Any]], labels: Labels, k: int = 1) -> PerClip:
    """1 where the label is among the k most likely signs, else 0, (N,); no row with a NaN is a hit.

    Ties share the places that are left: who sees the same in every clip is right k / K of the time.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    better, alike = (logits > own).sum(axis=1), (logits == own).sum(axis=1)
    credit: PerClip = np.clip((k - better) / np.maximum(alike, 1), 0, 1)
    return np.where(np.isnan(logits).any(axis=1), 0.0, credit)


def shuffled_hits(logits: Floats, labels: Labels, shuffles: int, seed: int, k: int = 1) -> PerClip:
    """Mean top-k hit of each clip when the labels are shuffled among the clips, (N,): k / K if balanced."""
    rng = np.random.default_rng(seed)
    drawn = [hits(logits, rng.permutation(labels), k) for _ in range(shuffles)]
    mean: PerClip = np.mean(drawn, axis=0, dtype=np.float64)
    return mean


def confusion_counts(labels: Labels, predictions: Labels, signs: Sequence[str]) -> list[tuple[str, str, int]]:
    """(true or asked sign, recognised one, clips) for each pair that occurs, in the order of the signs.

    Not the whole matrix: of 2,700 signs it has seven million cells, nearly all of them 0.
    """
    counts = Counter(zip(labels.tolist(), predictions.tolist(), strict=True))
    return [(signs[true], signs[seen], number) for (true, seen), number in sorted(counts.items())]


def by_group(values: PerClip, groups: Sequence[str], name: str) -> dict[str, dict[str, Any]]:
    """Mean and count of one value per clip for each group (sign, signer): {group: {name, n}}, sorted."""
    keys = np.asarray(groups)
    return {
        str(group): {name: float(values[keys == group].mean()), "n": int((keys == group).sum())}
        for group in np.unique(keys)
    }


def shares_by_group(hits: PerClip, groups: Sequence[str], name: str) -> dict[str, dict[str, Any]]:
    """`by_group` of hits in 0..1, each share with its interval: {group: {name, name_ci, n}}."""
    return {
        group: found | {f"{name}_ci": list(wilson(found[name], found["n"]))}
        for group, found in by_group(hits, groups, name).items()
    }


def pair_accuracy(logits: Floats, labels: Labels, first: int, second: int) -> PerClip:
    """Minimal pairs: 1 for each clip of either sign that scores the right one of the two higher, (n,); a tie is ½."""
    rows = (labels == first) | (labels == second)
    margin = logits[rows, first] - logits[rows, second]
    right = np.where(labels[rows] == first, margin, -margin)
    return np.where(right == 0, 0.5, right > 0)
