"""What makes a clip unusable by its line alone, whatever its file holds: decoding refuses it, inspection foresees it.

Each says why, or None. Captions have `manifest.caption_problem`.
"""

from collections.abc import Sequence

SLACK_S = 1e-4  # manifest times are decimal fractions of frame times: forgive their rounding


def interval_problem(start_s: float | None, end_s: float | None) -> str | None:
    """Of the times a line gives, seconds in the file; None = its start / its end."""
    start = start_s or 0.0
    if end_s is None or end_s > start + SLACK_S:
        return None
    return f"the clip ends at {end_s:.3f} s, not after its start, {start:.3f} s"


def stills_problem(fps: float | None) -> str | None:
    """Of the rate a line gives for numbered pictures, which carry no times."""
    return None if fps is not None and fps > 0 else "pictures need the manifest's fps"


def box_problem(crop: str, box: Sequence[float] | None) -> str | None:
    """Of the box a line gives, under `data.crop`."""
    return "data.crop is box, but the manifest gives this clip none" if crop == "box" and box is None else None
