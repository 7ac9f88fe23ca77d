"""Which recording an address means."""

import pytest

from t2s.data.sources.urls import video_id_of


@pytest.mark.parametrize(
    ("url", "video"),
    [
        ("https://www.youtube.com/watch?v=C37R_Ix8-qs&t=3", "C37R_Ix8-qs"),
        ("www.youtube.com/watch?v=-abc", "-abc"),
        ("https://youtu.be/C37R_Ix8-qs", "C37R_Ix8-qs"),
        ("http://example.org/a/b.mp4", "b"),
        ("", ""),
    ],
)
def test_video_ids(url, video):
    assert video_id_of(url) == video
