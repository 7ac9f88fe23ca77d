"""Which frames a clip takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.data.faults import MediaError
from t2s.data.frame_times import Interval, Sampling, Timeline, select_frames

WHOLE = Interval(None, None)


def timeline(count: int, fps: float = 25.0, interval: Interval = WHOLE) -> Timeline:
    return Timeline.within([(k / fps, 1 / fps) for k in range(count)], interval)


def positions(line: Timeline, interval: Interval, sampling: Sampling) -> list[int]:
    selection = select_frames(line, interval, sampling, end_tolerance_s=0.5)
    return [line.times_s.index(time_s) for time_s in selection.times_s]


def test_as_many_moments_as_frames_takes_each_frame_once() -> None:
    assert positions(timeline(24), WHOLE, Sampling(24, "uniform", 8)) == list(range(24))


def test_uniform_takes_the_middles_of_equal_parts() -> None:
    assert positions(timeline(8), WHOLE, Sampling(4, "uniform", 8)) == [1, 3, 5, 7]
    assert positions(timeline(2), WHOLE, Sampling(4, "uniform", 8)) == [0, 0, 1, 1]


def test_uniform_rate_covers_the_clip() -> None:
    selection = select_frames(timeline(50), WHOLE, Sampling(16, "uniform", 8), 0)
    assert selection.fps == pytest.approx(8.0)
    assert selection.source_frames == 50


def test_time_counts_and_not_the_number_of_frames() -> None:
    slow_then_fast = Timeline.within([(0.0, 1.0), *((1 + k / 10, 0.1) for k in range(10))], WHOLE)
    assert positions(slow_then_fast, WHOLE, Sampling(4, "uniform", 8)) == [0, 0, 3, 8]


def test_fixed_rate_is_centred() -> None:
    line = timeline(100)
    assert positions(line, WHOLE, Sampling(4, "fps", 25.0)) == [48, 49, 50, 51]


def test_fixed_rate_holds_the_last_frame_of_a_short_clip() -> None:
    assert positions(timeline(3), WHOLE, Sampling(6, "fps", 25.0)) == [0, 1, 2, 2, 2, 2]


def test_one_frame_of_unknown_duration_lasts_a_25th() -> None:
    line = Timeline.within([(0.0, 0.0)], WHOLE)
    assert select_frames(line, WHOLE, Sampling(2, "uniform", 8), 0).fps == 50.0


@pytest.mark.parametrize(("start", "end", "expected"), [(0.4, 0.6, [10, 11, 12, 13, 14]), (0.39999, 0.6, [10, 14])])
def test_intervals_are_half_open_and_forgive_rounding(start: float, end: float, expected: list[int]) -> None:
    interval = Interval(start, end)
    line = timeline(25, interval=interval)
    selection = select_frames(line, interval, Sampling(5, "uniform", 8), 0)
    numbers = [round(time_s * 25) for time_s in selection.times_s]
    assert (numbers[0], numbers[-1]) == (expected[0], expected[-1])
    assert selection.source_frames == 5


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(1.2, None, "starts at 1.200"), (0.5, 0.5, "not after its start"), (0.6, 0.2, "not after"), (0.0, 2.0, "ends at")],
)
def test_an_interval_outside_the_file_is_refused(start: float, end: float | None, part: str) -> None:
    interval = Interval(start, end)
    with pytest.raises(MediaError, match=part) as caught:
        select_frames(timeline(25, interval=interval), interval, Sampling(4, "uniform", 8), 0.5)
    assert caught.value.reason == "interval"


def test_an_end_within_the_tolerance_is_cut() -> None:
    interval = Interval(0.0, 1.3)
    selection = select_frames(timeline(25, interval=interval), interval, Sampling(5, "uniform", 8), 0.5)
    assert selection.fps == pytest.approx(5.0)


def test_time_that_stands_still_is_refused() -> None:
    line = Timeline.within([(0.0, 0.0)] * 5, WHOLE)
    with pytest.raises(MediaError) as caught:
        select_frames(line, WHOLE, Sampling(4, "uniform", 8), 0.5)
    assert caught.value.reason == "timestamps"


@given(
    gaps=st.lists(st.floats(0.001, 2.0), min_size=1, max_size=40),
    count=st.integers(1, 40),
    start=st.floats(0, 0.9),
    length=st.floats(0.05, 1.0),
)
def test_frames_come_from_the_interval_and_never_go_back(
    gaps: list[float], count: int, start: float, length: float
) -> None:
    shown, now = [], 0.0
    for gap in gaps:
        shown.append((now, gap))
        now += gap
    interval = Interval(start * now, min((start + length) * now, now))
    if interval.end_s is None or interval.start_s is None or interval.end_s - interval.start_s < 0.001:
        return
    line = Timeline.within(shown, interval)
    selection = select_frames(line, interval, Sampling(count, "uniform", 8), 0)
    assert list(selection.times_s) == sorted(selection.times_s)
    assert len(selection.times_s) == count
    assert selection.times_s[-1] < interval.end_s
    assert all(time_s in line.times_s for time_s in selection.times_s)
