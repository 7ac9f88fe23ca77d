"""Pixels: the right shape, the same every time, and pairs that a viewer can tell apart."""

from dataclasses import replace

import numpy as np
import pytest

from t2s.signer.appearance import Signer
from t2s.signer.brush import Brush
from t2s.signer.figure import pose_arms
from t2s.signer.lexicon import MINIMAL_PAIRS, SIGNS, MinimalPair, find_sign
from t2s.signer.motion import perform
from t2s.signer.performance import Performance
from t2s.signer.phonology import Sign
from t2s.signer.render import render_clip, render_motion, render_utterance

SIGNER = Signer.sample(seed=7, index=4)


def test_clip_has_the_asked_shape_and_repeats_bit_by_bit() -> None:
    clip = render_clip(find_sign("book"), SIGNER, 1, num_frames=5, image_size=48)
    assert clip.shape == (5, 48, 48, 3)
    assert clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, render_clip(find_sign("book"), SIGNER, 1, num_frames=5, image_size=48))


def test_performances_and_signers_differ() -> None:
    clip = render_clip(find_sign("book"), SIGNER, 0, num_frames=4, image_size=32)
    assert not np.array_equal(clip, render_clip(find_sign("book"), SIGNER, 1, num_frames=4, image_size=32))
    other = Signer.sample(seed=7, index=5)
    assert not np.array_equal(clip, render_clip(find_sign("book"), other, 0, num_frames=4, image_size=32))


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.text)
def test_every_sign_moves_in_its_middle_and_rests_at_its_ends(sign: Sign) -> None:
    clip = render_clip(sign, SIGNER, 0, num_frames=16, image_size=64).astype(np.int16)
    assert np.abs(clip[0] - clip[-1]).max() <= 2
    assert np.abs(clip[8] - clip[0]).mean() > 1.5


@pytest.mark.parametrize("image_size", [48, 64])
@pytest.mark.parametrize("pair", MINIMAL_PAIRS, ids=lambda pair: f"{pair.first}-{pair.second}")
def test_minimal_pairs_differ_in_the_pixels_for_most_of_the_clip(pair: MinimalPair, image_size: int) -> None:
    """Same person, same manner: what differs is the one parameter."""
    manner = Performance.sample(SIGNER, "same manner", 0)
    first, second = (
        render_motion(perform([find_sign(text)], manner, 16, left_handed=False), SIGNER, image_size).astype(np.int16)
        for text in (pair.first, pair.second)
    )
    changed = (np.abs(first - second).max(axis=-1) > 24).mean(axis=(1, 2))  # share of clearly different pixels
    assert (changed > 0.008).mean() >= (0.4 if pair.parameter == "repetitions" else 0.5)


def test_left_handed_signer_uses_the_other_side_of_the_picture() -> None:
    sign, plain = find_sign("yes"), replace(SIGNER, place=(0.0, 0.0), left_handed=False)
    right, left = (
        render_clip(sign, replace(plain, left_handed=left), 0, num_frames=9, image_size=64).astype(np.int16)
        for left in (False, True)
    )
    moved = np.abs(right[4] - right[0]).sum(axis=(0, 2))
    moved_left = np.abs(left[4] - left[0]).sum(axis=(0, 2))
    assert moved[:32].sum() > 3 * moved[32:].sum()
    assert moved_left[32:].sum() > 3 * moved_left[:32].sum()


@pytest.mark.parametrize("index", range(6))
def test_signing_hands_stay_in_the_picture(index: int) -> None:
    signer = Signer.sample(seed=9, index=index)
    for sign in SIGNS:
        motion = perform((sign,), Performance.sample(signer, sign.text, 0), 12, signer.left_handed)
        leading = pose_arms(motion)[1]
        joints = np.concatenate([leading.fingers.reshape(12, 16, 3), leading.palm], axis=1)[4:8]
        places = Brush(1024, signer.size, signer.place).pixels(joints) / (1024 * 16)
        assert places.min() > -0.05
        assert places.max() < 1.05


def test_an_utterance_is_one_clip() -> None:
    signs = (find_sign("hello"), find_sign("thank you"))
    assert render_utterance(signs, SIGNER, 0, num_frames=12, image_size=32).shape == (12, 32, 32, 3)
