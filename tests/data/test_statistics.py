"""Pixel statistics against values known by hand."""

import math

import numpy as np
import pytest

from t2s.data.statistics import flicker, high_frequency_energy, motion_energy, noise_level

SHAPE = (2, 3, 8, 32, 32)
STILL = np.broadcast_to(np.linspace(-0.5, 0.5, 32, dtype=np.float32), SHAPE)
NOISE = np.random.default_rng(0).normal(0, 0.2, SHAPE).astype(np.float32)


def moving_edge() -> np.ndarray:
    """A white half-plane that advances by 2 px a frame."""
    clip = np.full(SHAPE, -1.0, np.float32)
    for frame in range(SHAPE[2]):
        clip[:, :, frame, :, : 4 + 2 * frame] = 1
    return clip


@pytest.mark.parametrize("statistic", [flicker, high_frequency_energy, motion_energy, noise_level])
def test_a_flat_still_clip_has_nothing_and_each_clip_has_its_own_value(statistic) -> None:  # type: ignore[no-untyped-def]
    clips = np.concatenate([np.zeros_like(NOISE[:1]), NOISE[:1]])
    empty, noisy = statistic(clips)
    assert empty == 0
    assert noisy > 0.01
    assert statistic(clips).dtype == np.float64


def test_white_noise_has_the_values_of_theory() -> None:
    variance = 0.2**2
    assert noise_level(STILL + NOISE) == pytest.approx(0.2, rel=0.05)
    assert motion_energy(STILL + NOISE) == pytest.approx(2 * variance, rel=0.05)
    assert flicker(STILL + NOISE) == pytest.approx((2 / 3 + math.sqrt(3) / math.pi) * variance, rel=0.05)
    kept = (1 - 2 * (4 / 16) + 36 / 256) * variance  # |δ − binomial|² of the 3×3 kernel
    assert high_frequency_energy(NOISE) == pytest.approx(kept, rel=0.05)


def test_motion_is_an_edge_that_passes_flicker_is_one_that_returns() -> None:
    moving = moving_edge()
    assert motion_energy(moving) == pytest.approx(4 * 2 / 32)  # a jump of 2 in 2 of 32 columns
    assert (flicker(moving) == 0).all()
    blinking = np.where(np.arange(8)[:, None, None] % 2, 1.0, -1.0) * np.ones(SHAPE, np.float32)
    assert flicker(blinking) == pytest.approx(4.0)


def test_sharp_edges_are_sharp_but_not_noise() -> None:
    sharp = moving_edge()
    soft = (sharp + np.roll(sharp, 1, -1) + np.roll(sharp, -1, -1)) / 3
    assert high_frequency_energy(soft).mean() < 0.5 * high_frequency_energy(sharp).mean()
    assert noise_level(sharp) == pytest.approx(0)


def test_float16_and_odd_sizes_are_read_as_they_are() -> None:
    clips = (STILL + NOISE)[..., :31, :29]
    for statistic in (flicker, high_frequency_energy, motion_energy, noise_level):
        assert statistic(clips.astype(np.float16)) == pytest.approx(statistic(clips), rel=0.02)
