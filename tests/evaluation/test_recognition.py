"""Counting right answers."""

import numpy as np
import pytest

from t2s.evaluation.recognition import (
    by_group,
    confusion_counts,
    hits,
    pair_accuracy,
    shares_by_group,
    shuffled_hits,
)
from t2s.evaluation.wilson import wilson

LOGITS = np.array([[3, 2, 1, 0], [0, 3, 2, 1], [3, 0, 2, 1]], np.float32)
LABELS = np.array([0, 2, 1])


def test_hits_by_rank() -> None:
    assert hits(LOGITS, LABELS).tolist() == [1, 0, 0]
    assert hits(LOGITS, LABELS, k=2).tolist() == [1, 1, 0]
    assert hits(LOGITS, LABELS, k=4).tolist() == [1, 1, 1]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_who_sees_the_same_in_every_clip_is_right_by_chance(k: int) -> None:
    assert hits(np.zeros((3, 4), np.float32), LABELS, k).tolist() == [k / 4] * 3
    assert hits(np.array([[2, 1, 1, 0]], np.float32), np.array([1]), k).tolist() == [{1: 0, 2: 0.5, 4: 1}[k]]


def test_what_is_no_number_is_no_hit() -> None:
    logits = LOGITS.copy()
    logits[0, 3] = logits[1] = np.nan
    assert hits(logits, LABELS, k=4).tolist() == [0, 0, 1]


def test_exchanged_labels_fall_to_chance_even_for_a_perfect_recogniser() -> None:
    labels = np.repeat(np.arange(10), 20)
    perfect = np.eye(10, dtype=np.float32)[labels]
    assert hits(perfect, labels).mean() == 1
    assert shuffled_hits(perfect, labels, shuffles=200, seed=0).mean() == pytest.approx(0.1, abs=0.01)


def test_confusion_counts_what_occurs_asked_before_seen() -> None:
    found = confusion_counts(np.array([1, 0, 0, 1]), np.array([1, 0, 1, 1]), ["a", "b", "c"])
    assert found == [("a", "a", 1), ("a", "b", 1), ("b", "b", 2)]


def test_by_group() -> None:
    assert by_group(np.array([1.0, 0.0, 1.0]), ["b", "b", "a"], "top1") == {
        "a": {"top1": 1.0, "n": 1},
        "b": {"top1": 0.5, "n": 2},
    }


def test_shares_of_groups_stand_with_intervals_that_few_clips_leave_wide() -> None:
    found = shares_by_group(np.array([1.0, 1.0, 0.0]), ["a", "a", "b"], "top1")
    assert {name: (group["top1"], group["n"]) for name, group in found.items()} == {"a": (1.0, 2), "b": (0.0, 1)}
    assert found["a"]["top1_ci"] == list(wilson(1.0, 2))
    assert found["a"]["top1_ci"][0] < 0.5


def test_pairs_ignore_all_other_signs() -> None:
    logits = np.array([[1, 0, 9], [0, 1, 9], [2, 1, 9], [5, 5, 9], [0, 0, 9]], np.float32)
    labels = np.array([0, 0, 1, 1, 2])
    assert pair_accuracy(logits, labels, 0, 1).tolist() == [1, 0, 0, 0.5]
