"""Copies, variety and the difference between prompts."""

import numpy as np
import pytest

from t2s.evaluation.distances import (
    label_distances,
    label_distances_to,
    nearer_than_real,
    nearest,
    rms_distances,
    thumbnails,
)
from t2s.evaluation.real import RealClips

RNG = np.random.default_rng(0)


def test_rms_distance_is_in_the_units_of_the_values() -> None:
    a = RNG.normal(size=(5, 30)).astype(np.float32)
    distances = rms_distances(a, a + np.float32(0.25))
    assert np.diag(distances) == pytest.approx(0.25, abs=1e-6)
    expected = np.sqrt(((a[:, None] - a[None]) ** 2).mean(axis=2))
    assert rms_distances(a, a) == pytest.approx(expected, abs=1e-3)


def test_nearest_finds_the_planted_neighbour_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2s.evaluation.distances._REFERENCES_AT_A_TIME", 7)
    references = RNG.normal(size=(50, 20)).astype(np.float32)
    rows = np.array([3, 49, 21])
    distance, row = nearest(references[rows] + np.float32(0.01), references)
    assert row.tolist() == rows.tolist()
    assert distance == pytest.approx(0.01, abs=1e-4)


def test_thumbnails_forgive_a_pixel_of_shift_but_not_another_clip(held_out: RealClips) -> None:
    clips = held_out[:]
    shifted = rms_distances(thumbnails(clips), thumbnails(np.roll(clips, 1, axis=-1))).diagonal()
    others = rms_distances(thumbnails(clips), thumbnails(np.roll(clips, 4, axis=0))).diagonal()
    assert shifted.max() < others.min()


def test_a_copied_training_set_fails_and_real_people_score_the_quantile(train: RealClips, held_out: RealClips) -> None:
    references = thumbnails(train[:])
    held, _ = nearest(thumbnails(held_out[:]), references)
    copies, _ = nearest(thumbnails(train[:] + RNG.normal(0, 0.02, train[:].shape).astype(np.float32)), references)
    assert nearer_than_real(copies, held, quantile=0.1).mean() == 1
    assert nearer_than_real(held, held, quantile=0.1).mean() == pytest.approx(0.1, abs=0.05)


def test_labels_that_mean_something_and_labels_that_do_not() -> None:
    labels = np.repeat(np.arange(5), 8)
    centres = 3 * RNG.normal(size=(5, 10))
    vectors = (centres[labels] + RNG.normal(size=(40, 10))).astype(np.float32)
    meant = label_distances(vectors, labels)
    assert meant.other.mean() > 2 * meant.own.mean()
    ignored = label_distances(vectors, RNG.permutation(labels))
    assert ignored.other.mean() == pytest.approx(ignored.own.mean(), rel=0.1)


def test_a_clip_is_not_compared_with_itself_and_lone_labels_are_left_out() -> None:
    vectors = np.array([[0.0], [2.0], [9.0]], np.float32)
    distances = label_distances(vectors, np.array([0, 0, 1]))
    assert distances.own.tolist() == [2, 2]
    assert distances.other.tolist() == [9, 7]
    to_real = label_distances_to(vectors, np.array([0, 0, 1]), vectors[:2], np.array([0, 1]))
    assert to_real.own.tolist() == [0, 2, 7]
