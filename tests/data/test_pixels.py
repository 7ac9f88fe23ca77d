"""Frames → upright squares."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.data.faults import MediaError
from t2s.data.pixels import centred, over_background, square, square_box, turned


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (128, 128), (100, 70), (95, 127), (64, 64)])
def test_shrinking_is_area_averaging(height: int, width: int) -> None:
    image = cv2.GaussianBlur(noise(height, width), (0, 0), max(1, height / 100))
    expected = cv2.resize(image.astype(np.float64), (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(square(image, 64) - expected).max() <= 1.5


@pytest.mark.parametrize(("height", "width"), [(20, 30), (20, 300), (300, 20)])
def test_growing_keeps_the_mean(height: int, width: int) -> None:
    image = noise(height, width)
    assert square(image, 64).shape == (64, 64, 3)
    assert abs(square(image, 64).mean() - image.mean()) < 5


def test_transparency_blends_over_white() -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 128]]], np.uint8)
    assert over_background(rgba).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 177, 227]]]


@given(x=st.floats(-10, 110), y=st.floats(-10, 70), width=st.floats(0.5, 300), height=st.floats(0.5, 300))
def test_rectangles_stay_in_the_frame(x: float, y: float, width: float, height: float) -> None:
    x0, y0, x1, y1 = centred((x, y), width, height, 100, 60)
    assert 0 <= x0 < x1 <= 100
    assert 0 <= y0 < y1 <= 60


def test_a_box_grows_to_a_square_around_its_middle() -> None:
    assert square_box((40, 20, 60, 30), 100, 60) == (40, 15, 60, 35)
    assert square_box((0, 20, 10, 40), 100, 60) == (0, 20, 20, 40)  # shifted where the frame ends
    assert square_box((10, -5, 90, 200), 100, 60) == (10, 0, 90, 60)  # as square as the frame allows


@pytest.mark.parametrize("box", [(200, 0, 300, 50), (10, 10, 10, 40), (-50, -50, -1, -1)])
def test_a_box_outside_the_frame_is_refused(box) -> None:
    with pytest.raises(MediaError) as caught:
        square_box(box, 100, 60)
    assert caught.value.reason == "box"


ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (None, [[1, 2, 3], [4, 5, 6]]),
        ((ONE, 0, 0, ONE), [[1, 2, 3], [4, 5, 6]]),
        ((-ONE, 0, 0, -ONE), [[6, 5, 4], [3, 2, 1]]),
        ((-ONE, 0, 0, ONE), [[3, 2, 1], [6, 5, 4]]),
        ((0, ONE, -ONE, 0), [[4, 1], [5, 2], [6, 3]]),  # x' = -y, y' = x: a quarter turn clockwise
        ((0, -ONE, ONE, 0), [[3, 6], [2, 5], [1, 4]]),
        ((0, ONE, ONE, 0), [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_display_matrices(matrix, expected) -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert turned(image, matrix).tolist() == expected
