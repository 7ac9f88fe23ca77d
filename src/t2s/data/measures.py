"""What the validate stage knows of each clip: one row of plain numbers, measured from the shards themselves."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t2s.data.clips import UNREADABLE, ClipRecord, ClipStore
from t2s.data.config import SplitCounts
from t2s.data.manifest import SPLITS
from t2s.progress import track

Row = dict[str, Any]

_SMALLEST_SPREAD = 0.005  # data of one look would else call every grain of noise an outlier


def measure_clips(store: ClipStore) -> list[Row]:
    """One row per line of the index; a clip that cannot be read has None where its numbers would stand."""
    splits_of_signer = defaultdict(set)
    splits_of_pixels, signs_of_pixels = defaultdict(set), defaultdict(set)
    for record in store.records:
        splits_of_signer[record.signer].add(record.split)
        splits_of_pixels[record.sha256].add(record.split)
        signs_of_pixels[record.sha256].add(record.sign)
    rows = []
    for record, shard in zip(track(store.records, "measure clips"), _shards(store), strict=True):
        rows.append(
            {
                "clip_id": record.clip_id,
                "text": record.text,
                "split": record.split,
                "fps": record.fps,
                "splits_of_signer": len(splits_of_signer[record.signer]) if record.signer else 1,
                "splits_of_pixels": len(splits_of_pixels[record.sha256]),
                "signs_of_pixels": len(signs_of_pixels[record.sha256]),
                **_measure_pixels(record, shard),
            }
        )
    for column in ("brightness", "motion"):
        deviations = robust_deviations(np.array([np.nan if row[column] is None else row[column] for row in rows]))
        for row, deviation in zip(rows, deviations, strict=True):
            row[f"{column}_deviations"] = float(deviation)
    return rows


def count_splits(records: Sequence[ClipRecord], minimum: SplitCounts) -> list[Row]:
    """One row per split: its clips, and how many it lacks."""
    return [
        _count(f"{split}", sum(record.split == split for record in records), getattr(minimum, split))
        for split in SPLITS
    ]


def count_signs(records: Sequence[ClipRecord], minimum: SplitCounts) -> list[Row]:
    """One row per sign and split; empty for sentence data."""
    counts = {(record.sign, split): 0 for record in records if record.sign for split in SPLITS}
    for record in records:
        if record.sign and record.split in SPLITS:
            counts[record.sign, record.split] += 1
    return [
        _count(f"{sign} in {split}", number, getattr(minimum, split))
        for (sign, split), number in sorted(counts.items())
    ]


def robust_deviations(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """|x - median| in units of the standard deviation that the median absolute deviation stands for; NaN stays 0."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros_like(values)
    median = np.median(finite)
    spread = max(1.4826 * float(np.median(np.abs(finite - median))), _SMALLEST_SPREAD)
    return np.where(np.isfinite(values), np.abs(values - median) / spread, 0.0)


def _count(group: str, clips: int, minimum: int) -> Row:
    return {"group": group, "clips": clips, "lacking": max(0, minimum - clips)}


def _shards(store: ClipStore) -> list[npt.NDArray[Any] | None]:
    """Each record's shard, whatever its dtype and shape; None where it cannot be read."""
    opened: dict[str, npt.NDArray[Any] | None] = {}
    for record in store.records:
        if record.shard not in opened:
            opened[record.shard] = _open(store.folder / record.shard)
    return [opened[record.shard] for record in store.records]


def _open(path: Path) -> npt.NDArray[Any] | None:
    try:
        shard: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except UNREADABLE:
        return None
    return shard


def _measure_pixels(record: ClipRecord, shard: npt.NDArray[Any] | None) -> Row:
    numbers = ("minimum", "maximum", "deviation", "brightness", "motion")
    if shard is None or record.row >= len(shard):
        return {"dtype": None, "shape": None, "digest_matches": False, "nonfinite": None, **dict.fromkeys(numbers)}
    clip = np.asarray(shard[record.row])
    values = clip.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        measured = {
            "minimum": values.min() if values.size else np.nan,
            "maximum": values.max() if values.size else np.nan,
            "deviation": values.std() if values.size else np.nan,
            "brightness": values.mean() if values.size else np.nan,
            "motion": np.abs(np.diff(values, axis=0)).mean() if len(values) > 1 else 0.0,
        }
    return {
        "dtype": clip.dtype.name,
        "shape": "x".join(map(str, clip.shape)),
        "digest_matches": hashlib.sha256(clip.tobytes()).hexdigest() == record.sha256,
        "nonfinite": int(values.size - np.count_nonzero(np.isfinite(values))),
        **{name: float(measured[name]) for name in numbers},
    }
