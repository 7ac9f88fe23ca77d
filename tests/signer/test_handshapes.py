"""Handshapes can be told apart, and straight fingers are as long as they should be."""

from itertools import combinations

import numpy as np
import pytest

from t2s.signer.handshapes import ANGLES, FINGER_LENGTHS, KNUCKLES, Handshape, finger_joints


def tips(shape: Handshape) -> np.ndarray:
    fingers, thumb = finger_joints(ANGLES[shape][None])
    return np.concatenate([fingers[0, :, -1], thumb[0, -1:]])


def test_every_handshape_is_described() -> None:
    assert set(ANGLES) == set(Handshape)


@pytest.mark.parametrize("pair", list(combinations(Handshape, 2)), ids=lambda pair: f"{pair[0].value}-{pair[1].value}")
def test_no_two_handshapes_share_their_fingertips(pair: tuple[Handshape, Handshape]) -> None:
    apart = np.linalg.norm(tips(pair[0]) - tips(pair[1]), axis=1)
    assert apart.max() > 0.04


def test_zero_angles_give_fingers_straight_from_the_knuckles() -> None:
    fingers, _ = finger_joints(np.zeros((2, 16)))
    np.testing.assert_allclose(fingers[1, :, -1], KNUCKLES + FINGER_LENGTHS[:, None] * [0.0, 1.0, 0.0])


def test_fist_folds_fingers_onto_the_palm() -> None:
    along = tips(Handshape.FIST)[:4, 1]
    assert (along < KNUCKLES[:, 1]).all()


def test_pinch_brings_thumb_and_fingers_together() -> None:
    *fingers, thumb = tips(Handshape.PINCH)
    assert np.linalg.norm(fingers[0] - thumb) < 0.045
