"""Arms: bones keep their lengths, wrists go where they can, and a left-handed signer is a mirror image."""

import numpy as np
import pytest

from t2s.signer.appearance import Signer
from t2s.signer.figure import FOREARM, MAX_REACH, MIN_REACH, MIRROR, SHOULDER, UPPER_ARM, pose_arms, solve_arm
from t2s.signer.handshapes import FINGER_LENGTHS
from t2s.signer.lexicon import SIGNS, find_sign
from t2s.signer.motion import perform
from t2s.signer.performance import Performance
from t2s.signer.phonology import Sign

TARGETS = SHOULDER + np.random.default_rng(0).uniform(-0.6, 0.6, size=(200, 3))
SHOULDERS = np.broadcast_to(SHOULDER, TARGETS.shape)


def test_bones_keep_their_lengths_for_any_target() -> None:
    elbow, wrist = solve_arm(SHOULDERS, TARGETS)
    np.testing.assert_allclose(np.linalg.norm(elbow - SHOULDERS, axis=1), UPPER_ARM)
    np.testing.assert_allclose(np.linalg.norm(wrist - elbow, axis=1), FOREARM)


def test_wrist_is_at_a_target_in_reach_and_on_the_way_to_one_that_is_not() -> None:
    _, wrist = solve_arm(SHOULDERS, TARGETS)
    line, way = TARGETS - SHOULDERS, wrist - SHOULDERS
    distance = np.linalg.norm(line, axis=1)
    near = (distance > MIN_REACH) & (distance < MAX_REACH)
    assert near.any()
    assert (distance > MAX_REACH).any()
    np.testing.assert_allclose(wrist[near], TARGETS[near])
    np.testing.assert_allclose(np.cross(line, way), 0, atol=1e-12)
    assert np.linalg.norm(way, axis=1).max() == pytest.approx(MAX_REACH)


@pytest.mark.parametrize("target", [SHOULDER, SHOULDER + np.array([0.0, 1e-12, 0.0])])
def test_target_in_the_shoulder_gives_finite_joints(target: np.ndarray) -> None:
    elbow, wrist = solve_arm(SHOULDER[None], target[None])
    assert np.isfinite([elbow, wrist]).all()


def test_elbows_bend_the_human_way() -> None:
    in_front = SHOULDER + np.array([[0.10, -0.05, 0.20], [0.15, 0.15, 0.15], [-0.05, -0.15, 0.15]])
    elbow, wrist = solve_arm(np.broadcast_to(SHOULDER, in_front.shape), in_front)
    middle = (SHOULDER + wrist) / 2
    assert (elbow[:, 1] > middle[:, 1]).all()  # y points down
    assert (elbow[:, 0] < middle[:, 0]).all()  # the right arm's outside


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.text)
def test_every_sign_is_in_reach_and_keeps_hands_whole(sign: Sign) -> None:
    signer = Signer.sample(seed=3, index=0)
    motion = perform((sign,), Performance.sample(signer, sign.text, 0), num_frames=24, left_handed=False)
    for arm in pose_arms(motion):
        reach = np.linalg.norm(arm.wrist - arm.shoulder, axis=1)
        assert reach.max() < MAX_REACH - 1e-9
        assert reach.min() > MIN_REACH + 1e-9
        segments = np.linalg.norm(np.diff(arm.fingers, axis=2), axis=-1).sum(axis=-1)
        np.testing.assert_allclose(segments, np.broadcast_to(FINGER_LENGTHS, segments.shape))


def test_left_handed_signer_is_the_mirror_image() -> None:
    sign = find_sign("good")
    manner = Performance.sample(Signer.sample(seed=3, index=1), sign.text, 0)
    right = pose_arms(perform((sign,), manner, num_frames=8, left_handed=False))
    left = pose_arms(perform((sign,), manner, num_frames=8, left_handed=True))
    for one, other in zip(right, left, strict=True):
        np.testing.assert_array_equal(one.wrist * MIRROR, other.wrist)
        np.testing.assert_array_equal(one.elbow * MIRROR, other.elbow)
        np.testing.assert_array_equal(one.fingers * MIRROR, other.fingers)
        np.testing.assert_array_equal(one.facing, other.facing)
