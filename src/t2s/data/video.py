"""A video file → the frames a clip takes. What is found damaged ends in a MediaError, never in fewer or other frames.

Found is what the container or FFmpeg's decoder trips over. Few codecs carry checksums: damage within a frame's bytes
may decode without a word (VP8, VP9: most of it; HEVC, H.264, AV1, JPEG: some), wrong until the next keyframe.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import av

from t2s.data.completeness import check_complete
from t2s.data.config import DecodeLimits
from t2s.data.faults import MediaError
from t2s.data.frame_times import Interval, Sampling, Selection, Timeline, select_frames
from t2s.data.media_file import MediaFile, opened
from t2s.data.pixels import Pixels

SEEK_BEYOND_S = 10.0  # a clip that starts later than this is reached by seeking
_SEEK_MARGINS_S = (1.0, 12.0)  # and where that fails, from before the group of 250 frames that is common
_REORDER_S = 2.0  # packets come in decoding order, at most this far from the order of presentation

Painter = Callable[[av.VideoFrame], Pixels]
Painted = tuple[list[Pixels], Selection]


@dataclass(frozen=True)
class VideoRequest:
    """What is wanted of a video; `make_painter` is told the width over height of a pixel."""

    interval: Interval
    sampling: Sampling
    limits: DecodeLimits
    make_painter: Callable[[Fraction | None], Painter]


def decode_video(handle: int, request: VideoRequest) -> Painted:
    """The painted frames of one clip; `handle` is an open regular file and stays open.

    The quick way seeks, and believes what the packets announce so long as the decoded frames agree. Where they do not,
    or anything else is odd, the careful way reads from the start and lets decoded frames alone decide.

    Raises:
        MediaError: for whatever is wrong with the file.
    """
    check_complete(handle)
    start_s = request.interval.start_s
    seeks: list[float | None] = [None]
    if start_s is not None and start_s > SEEK_BEYOND_S:
        seeks = [max(0.0, start_s - margin_s) for margin_s in _SEEK_MARGINS_S]
    for seek_s in seeks:
        try:
            painted = _decode_quickly(handle, request, seek_s)
        except MediaError as fault:
            if fault.reason not in ("corrupt", "timestamps"):
                raise
        else:
            if painted is not None:
                return painted
    return _decode_carefully(handle, request)


def _decode_quickly(handle: int, request: VideoRequest, seek_s: float | None) -> Painted | None:
    """One decoding pass, after one over the packets that decodes nothing; None where the two disagree.

    Both start at `seek_s`; None = packets from the file's start, frames from where the first of the clip is announced.
    """
    start_s = request.interval.start_s
    with opened(handle, request.limits.max_pixels) as media:
        if seek_s is not None:
            media.seek(seek_s)
        announced = _scan_packets(media, request)
        if announced is None or (seek_s is not None and not announced.covers(start_s)):
            return None
        selection = _select(announced, request)
        media.seek(announced.times_s[0] if seek_s is None else seek_s)
        shown, kept = _decode_frames(media, request, set(selection.times_s), after_jump=start_s is not None)
    if shown.times_s != announced.times_s:
        return None
    return [kept[time_s] for time_s in selection.times_s], selection


def _decode_carefully(handle: int, request: VideoRequest) -> Painted:
    """Two decoding passes from the start: one for the times, one for the pixels."""
    with opened(handle, request.limits.max_pixels) as media:
        timeline, _ = _decode_frames(media, request, wanted=set())
    selection = _select(timeline, request)
    with opened(handle, request.limits.max_pixels) as media:
        again, kept = _decode_frames(media, request, set(selection.times_s))
    if again != timeline:
        raise MediaError("timestamps", "the frames' times differ from one reading to the next")
    return [kept[time_s] for time_s in selection.times_s], selection


def _select(timeline: Timeline, request: VideoRequest) -> Selection:
    return select_frames(timeline, request.interval, request.sampling, request.limits.end_tolerance_s)


@dataclass
class _Times:
    """Times and durations as they come, counted against the limit."""

    max_frames: int
    seen: list[tuple[float, float]] = field(default_factory=list)

    def add(self, media: MediaFile, timed: av.Packet | av.VideoFrame) -> float:
        time_s = media.seconds(timed)
        self.seen.append((time_s, media.duration_s(timed)))
        if len(self.seen) > self.max_frames:
            raise MediaError("too_large", f"more frames than data.decode.max_frames = {self.max_frames}")
        return time_s


def _scan_packets(media: MediaFile, request: VideoRequest) -> Timeline | None:
    """The frame times that the packets announce; None where they announce none."""
    times = _Times(request.limits.max_frames)
    end_s = request.interval.end_s
    for packet in media.packets():
        if packet.pts is None:
            return None
        if not packet.is_discard:
            time_s = times.add(media, packet)
            if end_s is not None and time_s > end_s + _REORDER_S:
                break
    times.seen.sort()
    return Timeline.within(times.seen, request.interval) if times.seen else None


def _decode_frames(
    media: MediaFile, request: VideoRequest, wanted: set[float], after_jump: bool = False
) -> tuple[Timeline, dict[float, Pixels]]:
    """Decode to the end of the interval; paint the frames whose time is wanted, of equal times the last."""
    times = _Times(request.limits.max_frames)
    kept: dict[float, Pixels] = {}
    paint = request.make_painter(media.pixel_aspect)
    end_s = request.interval.end_s
    previous_s = -float("inf")
    for frame in media.frames(after_jump):
        time_s = times.add(media, frame)
        if time_s < previous_s:
            raise MediaError("timestamps", f"time runs back from {previous_s:.3f} s to {time_s:.3f} s")
        previous_s = time_s
        if time_s in wanted:
            kept[time_s] = paint(frame)
        if end_s is not None and time_s > end_s:
            break
    if not times.seen:
        raise MediaError("corrupt", "not one frame could be decoded")
    return Timeline.within(times.seen, request.interval), kept
