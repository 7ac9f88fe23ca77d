"""Hand frames and turns are rotations, and blending takes the shortest way."""

import numpy as np
import pytest

from t2s.signer.rotation import blend_frames, hand_frame, turns

FORWARD, UP = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])


def test_right_hand_with_palm_to_viewer_has_its_thumb_toward_the_midline() -> None:
    side, along, normal = hand_frame(palm=FORWARD, fingers=UP).T
    np.testing.assert_allclose(side, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(along, UP)
    np.testing.assert_allclose(normal, FORWARD)


def test_hand_frame_is_orthonormal_when_the_directions_are_not() -> None:
    frame = hand_frame(palm=np.array([1.0, 0.2, 0.5]), fingers=np.array([0.3, -2.0, 0.4]))
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(-1.0)


def test_palm_along_the_fingers_is_refused() -> None:
    with pytest.raises(ValueError, match="along its own fingers"):
        hand_frame(palm=UP, fingers=2 * UP)


def test_positive_turn_about_the_side_flexes_fingers_toward_the_palm() -> None:
    flexed = turns(np.array([1.0, 0.0, 0.0]), np.array([np.pi / 2]))[0] @ [0.0, 1.0, 0.0]
    np.testing.assert_allclose(flexed, [0, 0, 1], atol=1e-12)


def test_turns_add_up() -> None:
    axis = np.array([2.0, -1.0, 2.0]) / 3
    first, second, both = turns(axis, np.array([0.4, 0.9, 1.3]))
    np.testing.assert_allclose(first @ second, both, atol=1e-12)


def test_blend_ends_at_its_ends_and_halves_the_angle_between() -> None:
    start = hand_frame(palm=FORWARD, fingers=UP)
    end = hand_frame(palm=-FORWARD, fingers=np.array([1.0, -1.0, 0.3]))
    blended = blend_frames(start, end, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(blended[0], start, atol=1e-12)
    np.testing.assert_allclose(blended[2], end, atol=1e-7)
    np.testing.assert_allclose(start.T @ blended[1], blended[1].T @ end, atol=1e-7)
