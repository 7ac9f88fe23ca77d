"""Which source frames a clip takes: pure arithmetic on frame times, in seconds from the start of the file."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from t2s.data.faults import MediaError
from t2s.data.line_problems import SLACK_S, interval_problem

FALLBACK_FPS = 25.0  # a file of one frame that does not tell its duration lasts 1/25 s


@dataclass(frozen=True)
class Interval:
    """The part [start_s, end_s) of a file that a clip covers; None = from its start, to its end."""

    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class Sampling:
    """How `num_frames` moments are laid over a clip: evenly over all of it, or `fps` apart around its middle."""

    num_frames: int
    method: Literal["uniform", "fps"]
    fps: float


@dataclass(frozen=True)
class Timeline:
    """Frames in the order of presentation: ascending times, and when the last of them ends."""

    times_s: tuple[float, ...]
    end_s: float

    @classmethod
    def within(cls, shown: Sequence[tuple[float, float]], interval: Interval) -> "Timeline":
        """The frames seen during the interval, of ascending (time, duration) pairs that may reach beyond it."""
        times = [time_s for time_s, _ in shown]
        last_duration = shown[-1][1]
        if last_duration <= 0:
            last_duration = times[-1] - times[-2] if len(times) > 1 else 1 / FALLBACK_FPS
        first = 0 if interval.start_s is None else _shown_at(times, interval.start_s + SLACK_S)
        stop = len(times) if interval.end_s is None else bisect.bisect_left(times, interval.end_s)
        stop = max(stop, first + 1)
        end_s = times[stop] if stop < len(times) else times[-1] + last_duration
        return cls(tuple(times[first:stop]), end_s)

    def covers(self, start_s: float | None) -> bool:
        """Whether the frame shown at `start_s` is among them."""
        return start_s is None or self.times_s[0] <= start_s + SLACK_S


@dataclass(frozen=True)
class Selection:
    """The times of the frames taken, one per output frame; the clip's rate; how many source frames it spans."""

    times_s: tuple[float, ...]
    fps: float
    source_frames: int


def select_frames(timeline: Timeline, interval: Interval, sampling: Sampling, end_tolerance_s: float) -> Selection:
    """Choose frames by the times at which they are shown; a moment shows the last frame that began by then.

    Uniform: the middles of `num_frames` equal parts of the clip. Fixed rate: `num_frames` moments 1/fps apart, centred
    in the clip; a clip too short for them holds its last frame.

    Raises:
        MediaError: `interval` where the clip does not lie in the file, `timestamps` where time stands still.
    """
    times = timeline.times_s
    if len(times) > 1 and times[-1] <= times[0]:
        raise MediaError("timestamps", f"all {len(times)} frames have the same time")
    start = times[0] if interval.start_s is None else max(interval.start_s, times[0])
    end = timeline.end_s if interval.end_s is None else interval.end_s
    if problem := interval_problem(interval.start_s, interval.end_s):
        raise MediaError("interval", problem)
    if min(end, timeline.end_s) <= start + SLACK_S:
        raise MediaError("interval", f"the clip starts at {start:.3f} s, the video ends at {timeline.end_s:.3f} s")
    if end > timeline.end_s + end_tolerance_s:
        raise MediaError("interval", f"the clip ends at {end:.3f} s, the video at {timeline.end_s:.3f} s")
    end = min(end, timeline.end_s)
    duration = end - start
    if sampling.method == "uniform":
        fps, first = sampling.num_frames / duration, start
    else:
        fps = sampling.fps
        first = start + max(0.0, (duration - sampling.num_frames / fps) / 2)
    last_shown = max(0, bisect.bisect_left(times, end - SLACK_S) - 1)
    moments = (first + (k + 0.5) / fps for k in range(sampling.num_frames))
    chosen = tuple(times[min(_shown_at(times, moment), last_shown)] for moment in moments)
    return Selection(chosen, round(fps, 6), last_shown + 1)


def _shown_at(times_s: Sequence[float], moment_s: float) -> int:
    return max(0, bisect.bisect_right(times_s, moment_s) - 1)
