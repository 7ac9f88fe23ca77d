"""Intervals hold the truth as often as they say, and are the same for the same seed."""

import numpy as np
import pytest

from t2s.errors import UserError
from t2s.evaluation.bootstrap import Bootstrap, student_t

BOOTSTRAP = Bootstrap(resamples=400, seed=0)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        estimate = Bootstrap(200, seed).mean(rng.normal(3.0, 2.0, size=60))
        covered += estimate.low <= 3.0 <= estimate.high
    assert 0.88 <= covered / 200 <= 0.99


def test_value_is_the_plain_mean_and_lies_inside() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    estimate = BOOTSTRAP.mean(values)
    assert estimate.value == pytest.approx(0.6)
    assert estimate.low < 0.6 < estimate.high
    assert estimate.n == 5


def test_same_seed_same_interval_however_it_is_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(size=50)
    whole = BOOTSTRAP.mean(values)
    monkeypatch.setattr("t2s.evaluation.bootstrap._CHUNK", 333)
    assert BOOTSTRAP.mean(values) == whole
    assert Bootstrap(400, seed=1).mean(values) != whole


def test_constant_values_have_no_width() -> None:
    estimate = BOOTSTRAP.mean(np.ones(9))
    assert (estimate.low, estimate.value, estimate.high) == (1.0, 1.0, 1.0)


def test_ratio_of_independent_sets_and_of_paired_ones() -> None:
    rng = np.random.default_rng(3)
    below = rng.uniform(1, 3, size=300)
    paired = BOOTSTRAP.paired_ratio(2 * below, below)
    assert paired.value == pytest.approx(2.0)
    assert paired.high - paired.low < 1e-9  # clip by clip the ratio is exactly 2
    apart = BOOTSTRAP.ratio(2 * below, below)
    assert apart is not None
    assert apart.value == pytest.approx(2.0)
    assert apart.low < 2 < apart.high


def test_a_paired_ratio_survives_zeros_and_refuses_nothing_but_zeros() -> None:
    paired = BOOTSTRAP.paired_ratio([2.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    assert (paired.low, paired.value, paired.high) == (2.0, 2.0, 2.0)
    with pytest.raises(UserError, match="do not differ"):
        BOOTSTRAP.paired_ratio(np.ones(3), np.zeros(3))


def test_ratio_to_nothing_is_undefined_and_to_almost_nothing_is_finite() -> None:
    assert BOOTSTRAP.ratio([1.0, 2.0], [0.0, 0.0]) is None
    estimate = BOOTSTRAP.ratio([1.0, 2.0, 1.5], [0.0, 0.0, 1.0])
    assert estimate is not None
    assert np.isfinite([estimate.low, estimate.value, estimate.high]).all()


def test_named_is_what_the_reports_hold() -> None:
    named = BOOTSTRAP.mean([1.0, 1.0, 1.0]).named("top1")
    assert named == {"top1": 1.0, "top1_ci": [1.0, 1.0], "n": 3}
    assert BOOTSTRAP.mean([1.0, 2.0]).named("gap") == {"gap": 1.5, "gap_ci": None, "n": 2}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_few_clips_of_no_difference_are_seldom_told_as_one(n: int) -> None:
    """The whole interval above 0: in a fortieth of all cases; the plain bootstrap has it in a seventh of n = 3."""
    rng = np.random.default_rng(4)
    above = [Bootstrap(300, 0).mean(rng.normal(size=n)).low > 0 for _ in range(600)]
    assert np.mean(above) == pytest.approx(0.025, abs=0.02)


@pytest.mark.parametrize(("freedom", "value"), [(2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (100, 1.984)])
def test_students_t_is_the_tables(freedom: int, value: float) -> None:
    assert student_t(freedom) == pytest.approx(value, rel=0.03 if freedom == 2 else 0.006)


def test_nothing_to_estimate_from() -> None:
    with pytest.raises(ValueError, match="no clips"):
        BOOTSTRAP.mean([])
