"""Motion: from rest to rest, smooth, and different where signs differ."""

import numpy as np
import pytest

from t2s.signer.appearance import Signer
from t2s.signer.lexicon import MINIMAL_PAIRS, SIGNS, MinimalPair, find_sign
from t2s.signer.motion import HandMotion, Motion, perform
from t2s.signer.performance import Performance
from t2s.signer.phonology import Sign
from t2s.signer.rotation import Floats

SIGNER = Signer.sample(seed=5, index=2)


def motion_of(*texts: str, num_frames: int = 24, performance: int = 0) -> Motion:
    manner = Performance.sample(SIGNER, "same manner", performance)
    return perform([find_sign(text) for text in texts], manner, num_frames, left_handed=False)


def state(hand: HandMotion) -> Floats:
    """Everything about a hand, per frame."""
    return np.concatenate([hand.palm, hand.frame.reshape(len(hand.palm), 9), hand.angles], axis=1)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.text)
def test_a_sign_starts_and_ends_at_the_same_rest(sign: Sign) -> None:
    motion, rest = motion_of(sign.text), motion_of("hello")
    for hand in (motion.leading, motion.other):
        np.testing.assert_allclose(state(hand)[[0, -1]], state(rest.leading)[[0, 0]], atol=1e-6)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.text)
def test_hands_never_jump(sign: Sign) -> None:
    motion = motion_of(sign.text, num_frames=400)
    for hand in (motion.leading, motion.other):
        assert np.linalg.norm(np.diff(hand.palm, axis=0), axis=1).max() < 0.02
        assert np.abs(np.diff(hand.frame, axis=0)).max() < 0.12


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.text)
def test_every_frame_is_a_proper_hand(sign: Sign) -> None:
    frames = motion_of(sign.text).leading.frame
    np.testing.assert_allclose(frames.transpose(0, 2, 1) @ frames, np.broadcast_to(np.eye(3), frames.shape), atol=1e-9)


def test_other_hand_rests_copies_or_opposes() -> None:
    one, both = motion_of("hello"), motion_of("big")
    assert np.abs(np.diff(one.other.palm, axis=0)).max() < 1e-9
    np.testing.assert_array_equal(both.leading.palm, both.other.palm)
    weigh = motion_of("maybe", num_frames=101)
    heights = np.stack([weigh.leading.palm[30:70, 1], weigh.other.palm[30:70, 1]])
    moving = heights - heights.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(moving[0], -moving[1], atol=0.01)


def test_repetitions_are_seen_as_so_many_strokes() -> None:
    for text in ("sit", "chair"):
        height = motion_of(text, num_frames=401).leading.palm[90:310, 1]
        turning_down = (np.diff(np.sign(np.diff(height))) < 0).sum()  # local maxima of y: lowest points
        assert turning_down == find_sign(text).repetitions


@pytest.mark.parametrize("pair", MINIMAL_PAIRS, ids=lambda pair: f"{pair.first}-{pair.second}")
def test_minimal_pairs_are_apart_for_most_of_the_clip(pair: MinimalPair) -> None:
    """One stroke and two cross each other's way, so that pair is apart for less of the time."""
    first, second = motion_of(pair.first), motion_of(pair.second)
    apart = np.maximum(
        np.abs(state(first.leading) - state(second.leading)).max(axis=1),
        np.abs(state(first.other) - state(second.other)).max(axis=1),
    )
    assert (apart > 0.02).mean() > (0.4 if pair.parameter == "repetitions" else 0.5)


def test_an_utterance_signs_one_after_the_other_without_a_rest_between() -> None:
    num_frames = 200
    utterance = motion_of("hello", "thank you", num_frames=num_frames).leading
    manner = Performance.sample(SIGNER, "same manner", 0)
    (hello_start, hello_end), (thanks_start, thanks_end) = manner.timetable(2)[1:3]
    assert 0 < hello_start < hello_end < thanks_start < thanks_end < 1
    rest = utterance.palm[0]
    between = utterance.palm[round(hello_start * num_frames) : round(thanks_end * num_frames)]
    assert np.linalg.norm(between - rest, axis=1).min() > 0.15
    alone = motion_of("thank you", num_frames=num_frames).leading
    middle, middle_alone = (thanks_start + thanks_end) / 2, sum(manner.timetable(1)[1]) / 2
    np.testing.assert_allclose(
        utterance.palm[round(middle * (num_frames - 1))],
        alone.palm[round(middle_alone * (num_frames - 1))],
        atol=0.01,
    )
