"""Distances between clips: copies of the training set, variety within a prompt, difference between prompts.

Copying and variety are measured on small pictures, because a copy keeps its background and clothes and the
recogniser's features leave those out; difference of meaning is measured on the features.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch.nn import functional

from t2s.evaluation.arrays import Floats, Labels, PerClip

THUMBNAIL_FRAMES = 8
THUMBNAIL_SIZE = 16
_REFERENCES_AT_A_TIME = 4096


def thumbnails(clips: Floats) -> Floats:
    """(B, 3, F, H, W) → (B, 3 · 8 · 16 · 16): area-averaged clips, so that 1 px of shift is no difference."""
    pictures = torch.as_tensor(clips)
    small = functional.adaptive_avg_pool3d(pictures, (THUMBNAIL_FRAMES, THUMBNAIL_SIZE, THUMBNAIL_SIZE))
    vectors: Floats = rearrange(small, "b c f h w -> b (c f h w)").numpy()
    return vectors


def rms_distances(a: Floats, b: Floats) -> PerClip:
    """Root mean squared differences (n, m) between rows (n, V) and (m, V), in the units of their values."""
    product = a.astype(np.float64) @ b.T.astype(np.float64)
    squares = (a.astype(np.float64) ** 2).sum(1)[:, None] + (b.astype(np.float64) ** 2).sum(1) - 2 * product
    distances: PerClip = np.sqrt(squares.clip(min=0) / a.shape[1])
    return distances


def nearest(queries: Floats, references: Floats) -> tuple[PerClip, Labels]:
    """Distance to the nearest reference and its row, (n,) each."""
    best = np.full(len(queries), np.inf)
    row = np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(references), _REFERENCES_AT_A_TIME):
        distances = rms_distances(queries, references[start : start + _REFERENCES_AT_A_TIME])
        candidate = distances.argmin(axis=1)
        value = distances[np.arange(len(queries)), candidate]
        closer = value < best
        best[closer], row[closer] = value[closer], candidate[closer] + start
    return best, row


def nearer_than_real(generated: PerClip, held_out: PerClip, quantile: float) -> PerClip:
    """1 for each generated clip nearer to its training neighbour than that quantile of real held-out clips, (n,).

    Real clips would give `quantile` on average; copies give 1.
    """
    return (generated < np.quantile(held_out, quantile)).astype(np.float64)


@dataclass(frozen=True)
class LabelDistances:
    """Mean distance of each clip to others of its own label and to those of another, (n,) each."""

    own: PerClip
    other: PerClip


def label_distances(vectors: Floats, labels: Labels) -> LabelDistances:
    """Within one set of clips; a clip is not compared with itself. Clips alone in their label are left out."""
    same = labels[:, None] == labels
    return _label_distances(rms_distances(vectors, vectors), same & ~np.eye(len(labels), dtype=bool), ~same)


def own_distances(vectors: Floats, labels: Labels) -> PerClip:
    """`label_distances` to the own label alone, which needs no second one."""
    own = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    kept = own.any(axis=1)
    means: PerClip = (rms_distances(vectors, vectors) * own).sum(axis=1)[kept] / own.sum(axis=1)[kept]
    return means


def label_distances_to(vectors: Floats, labels: Labels, others: Floats, other_labels: Labels) -> LabelDistances:
    """From one set of clips to another, say generated to real. Clips whose label the other set lacks are left out."""
    same = labels[:, None] == other_labels
    return _label_distances(rms_distances(vectors, others), same, ~same)


def _label_distances(distances: PerClip, own: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> LabelDistances:
    kept = own.any(axis=1) & other.any(axis=1)
    means = [(distances * mask).sum(axis=1)[kept] / mask.sum(axis=1)[kept] for mask in (own, other)]
    return LabelDistances(own=means[0], other=means[1])
