"""Times as annotation files write them."""

import pytest

from t2s.data.sources.times import frames_to_seconds, seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("", None), (" 12.5 ", 12.5), ("01:02.5", 62.5), ("1:00:00", 3600.0)])
def test_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "1e308:00:00", "1:nan", "00:00:01:02"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"time|finite|convert"):
        seconds_of(text)


def test_frames_count_from_one_and_include_the_last():
    assert frames_to_seconds(1, 50, 25.0) == (None, 2.0)
    assert frames_to_seconds(26, -1, 25.0) == (1.0, None)
