"""Times and frame numbers of annotation files → seconds."""

import math


def finite(text: str) -> float | None:
    """Blank → None, else a finite number. Raises ValueError for anything else."""
    if not text.strip():
        return None
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"'{text}' is not a finite number")
    return number


def seconds_of(text: str) -> float | None:
    """Blank → None; "12.5" and "[hh:]mm:ss.fff" → seconds. Raises ValueError for anything else."""
    if not text.strip():
        return None
    parts = text.split(":")
    if len(parts) > len(("hh", "mm", "ss")):
        raise ValueError(f"'{text}' is no time: of hh:mm:ss:ff nobody knows how many frames a second has")
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + (finite(part) or 0.0)
    if not math.isfinite(seconds):
        raise ValueError(f"'{text}' is no time")
    return seconds


def frames_to_seconds(first: int, last: int, fps: float) -> tuple[float | None, float | None]:
    """1-based frames `first` … `last`, both included → half-open (start_s, end_s).

    `first` ≤ 1 is the file's start and `last` ≤ 0 (WLASL writes -1) its end: None.
    """
    return (None if first <= 1 else (first - 1) / fps), (None if last <= 0 else last / fps)
