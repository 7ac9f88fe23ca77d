"""What preprocess will refuse, as far as it can be told before anything is decoded."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from t2s.data.config import DataConfig
from t2s.data.header import Header
from t2s.data.line_problems import box_problem, interval_problem, stills_problem
from t2s.data.manifest import SPLITS, caption_problem
from t2s.data.sources.clip import Issue, SourceClip, SourceReport
from t2s.data.stills import is_still_pattern

_END_TOLERANCE_S = 0.5  # without a params.yaml: header durations are rough


def refused_by_line(clips: Iterable[SourceClip], config: DataConfig | None) -> list[Issue]:
    """The clips that preprocess will quarantine for what is listed of them, whatever their file holds."""
    return [
        Issue(kind, clip.clip_id, clip.path, message)
        for clip in clips
        for kind, message in [_fault_of_line(clip, config)]
        if kind
    ]


def past_end(clips: Iterable[SourceClip], headers: dict[str, Header], config: DataConfig | None) -> list[Issue]:
    """The clips whose times lie past the end of their file, among the files whose header was read."""
    tolerance_s = _END_TOLERANCE_S if config is None else config.decode.end_tolerance_s
    found = []
    for clip in clips:
        header = headers.get(clip.path)
        if header is None or header.duration_s is None:
            continue
        last_s = max(clip.start_s or 0.0, clip.end_s or 0.0)
        if last_s > header.duration_s + tolerance_s:
            message = f"{last_s:.2f} s lies past the file's end at {header.duration_s:.2f} s"
            found.append(Issue("interval", clip.clip_id, clip.path, message))
    return found


def short_of_clips(clips: Sequence[SourceClip], config: DataConfig | None) -> dict[str, list[str]]:
    """Split → the signs with fewer clips there than data.checks.min_clips_per_sign asks for: validate will refuse them.

    Empty without a configuration, and where a clip has no split yet.
    """
    if config is None or not all(clip.split for clip in clips):
        return {}
    found = Counter((clip.sign, clip.split) for clip in clips)
    signs = sorted({clip.sign for clip in clips if clip.sign})
    least = config.checks.min_clips_per_sign.model_dump()
    short = {split: [sign for sign in signs if found[sign, split] < least[split]] for split in SPLITS}
    return {split: names for split, names in short.items() if names}


def left_out_fraction(num_lost: int, num_clips: int, num_before_filters: int, report: SourceReport) -> float:
    """The share that preprocess holds against data.max_quarantine_fraction; see `quarantine`.

    Args:
        num_lost: clips that will be quarantined, of the `num_clips` that go into the manifest.
        num_before_filters: clips that could go there without data.signs, min_clips_per_sign and max_clips.
    """
    faulty = report.faulty
    beside = faulty if num_clips == num_before_filters else 0
    shares = ((faulty, num_before_filters + faulty), (num_lost + beside, num_clips + beside))
    return max((lost / total for lost, total in shares if total), default=0.0)


def _fault_of_line(clip: SourceClip, config: DataConfig | None) -> tuple[str, str]:
    problem = caption_problem(clip.text, config.max_caption_length if config is not None else sys.maxsize)
    if problem is not None:
        return "caption", problem
    if problem := interval_problem(clip.start_s, clip.end_s):
        return "interval", problem
    if is_still_pattern(clip.path) and (problem := stills_problem(clip.fps)):
        return "timestamps", problem
    if config is not None and (problem := box_problem(config.crop, clip.box)):
        return "box", problem
    return "", ""
