"""Fair subsets: as equally many clips of each sign as there are."""

from collections.abc import Sequence

import numpy as np

from t2s.evaluation.arrays import Labels


def balanced_rows(signs: Sequence[str], count: int, rng: np.random.Generator) -> Labels:
    """At most `count` row numbers, sorted: first a random clip of every sign, then a second one, and so on."""
    names = np.asarray(signs)
    order = rng.permutation(len(names))
    turn = np.empty(len(names), dtype=np.int64)  # how many clips of the same sign come before this one
    for sign in np.unique(names):
        own = np.flatnonzero(names[order] == sign)
        turn[own] = np.arange(len(own))
    chosen: Labels = order[np.argsort(turn, kind="stable")][:count]
    return np.sort(chosen)
