"""Variations of a training clip: bounded, seeded, and off when their strength is zero."""

import numpy as np
import pytest
import torch

from t2s.evaluation.augmentation import augment, placements, warped_frames
from t2s.evaluation.config import RecogniserConfig
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Levels, prepare, to_model_range

STRENGTHS = ("shift", "scale", "tempo", "time_shift", "contrast", "brightness", "noise")
PROBABILITIES = ("mirror_probability", "soften_probability", "noise_probability")


@pytest.fixture
def levels(held_out: RealClips, recogniser_config: RecogniserConfig) -> Levels:
    return prepare(torch.from_numpy(held_out[:6]), recogniser_config)


def test_without_strength_nothing_changes(levels: Levels, recogniser_config: RecogniserConfig) -> None:
    off = recogniser_config.augment.model_copy(update=dict.fromkeys((*STRENGTHS, *PROBABILITIES), 0.0))
    varied = augment(levels, off, np.random.default_rng(0))
    np.testing.assert_allclose(varied, to_model_range(levels), atol=1e-6)


def test_same_generator_same_bits(levels: Levels, recogniser_config: RecogniserConfig) -> None:
    one, two, other = (augment(levels, recogniser_config.augment, np.random.default_rng(s)) for s in (1, 1, 2))
    assert one.tobytes() == two.tobytes() != other.tobytes()
    assert one.shape == levels.shape
    assert one.dtype == np.float32


def test_mirroring_is_exact(levels: Levels, recogniser_config: RecogniserConfig) -> None:
    off = recogniser_config.augment.model_copy(update=dict.fromkeys((*STRENGTHS, *PROBABILITIES), 0.0))
    mirrored = augment(levels, off.model_copy(update={"mirror_probability": 1.0}), np.random.default_rng(0))
    np.testing.assert_allclose(mirrored, to_model_range(levels)[:, :, :, ::-1], atol=1e-6)


def test_time_stands_still_outside_the_clip_and_never_runs_back(recogniser_config: RecogniserConfig) -> None:
    wild = recogniser_config.augment.model_copy(update={"tempo": 0.5, "time_shift": 0.5})
    frames = warped_frames(200, 16, wild, np.random.default_rng(0))
    assert frames.min() == 0
    assert frames.max() == 15
    assert (np.diff(frames, axis=1) >= 0).all()


def test_scaling_leaves_the_centre_where_it_is(recogniser_config: RecogniserConfig) -> None:
    still = recogniser_config.augment.model_copy(update={"shift": 0.0, "scale": 0.3, "mirror_probability": 0.5})
    matrices = placements(50, (32, 64), still, np.random.default_rng(0))
    centre = np.array([31.5, 15.5, 1.0])
    assert matrices @ centre == pytest.approx(np.tile([31.5, 15.5], (50, 1)), abs=1e-4)
    assert 0.7 <= matrices[:, 1, 1].min() < 0.8 < 1.2 < matrices[:, 1, 1].max() <= 1.3
    assert 10 < (matrices[:, 0, 0] < 0).sum() < 40
