"""Intervals of shares, held against the equation that defines them and against what they promise."""

from math import comb

import numpy as np
import pytest

from t2s.evaluation.wilson import share, share_by_sign, share_ratio, wilson

Z = 1.959964


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 2), (3, 8), (8, 8), (56, 224)])
def test_its_ends_are_the_shares_from_which_the_found_one_lies_z_deviations_off(right: int, n: int) -> None:
    found = right / n
    for end in wilson(found, n):
        assert (found - end) ** 2 == pytest.approx(Z**2 * end * (1 - end) / n, rel=1e-5, abs=1e-12)


def test_all_right_of_few_is_no_certainty() -> None:
    low, high = wilson(1.0, 8)
    assert low == pytest.approx(0.676, abs=0.001)
    assert high == 1.0
    assert wilson(0.0, 8) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("true", [0.1, 0.5, 0.9])
def test_it_covers_the_true_share_about_as_often_as_it_says(true: float) -> None:
    n = 20
    chance = [comb(n, k) * true**k * (1 - true) ** (n - k) for k in range(n + 1)]
    covered = [low <= true <= high for low, high in (wilson(k / n, n) for k in range(n + 1))]
    assert sum(p for p, inside in zip(chance, covered, strict=True) if inside) == pytest.approx(0.95, abs=0.03)


def test_of_no_clips_there_is_none() -> None:
    with pytest.raises(ValueError, match="no clips"):
        wilson(0.5, 0)
    with pytest.raises(ValueError, match="no clips"):
        share([])


def test_a_share_is_the_mean_of_its_hits_with_wilsons_ends() -> None:
    found = share([1, 1, 0, 1])
    assert (found.value, found.n) == (0.75, 4)
    assert (found.low, found.high) == wilson(0.75, 4)


def test_a_ratio_of_all_to_all_is_as_uncertain_as_its_parts() -> None:
    """16 of 16 over 2 of 2: where all are right MOVER-R's ends are one share's low end and the other's inverse."""
    found = share_ratio(share(np.ones(16)), share(np.ones(2)))
    assert found is not None
    assert found.value == 1
    assert found.low == pytest.approx(wilson(1, 16)[0])
    assert found.high == pytest.approx(1 / wilson(1, 2)[0])


@pytest.mark.parametrize(("above", "below"), [(0.9, 0.95), (0.5, 0.3), (0.1, 0.9)])
def test_a_ratio_covers_the_true_one_about_as_often_as_it_says(above: float, below: float) -> None:
    rng, covered, rounds = np.random.default_rng(0), 0, 500
    for _ in range(rounds):
        found = share_ratio(share(rng.random(60) < above), share(rng.random(40) < below))
        assert found is not None
        assert found.low <= found.value <= found.high
        covered += found.low <= above / below <= found.high
    assert covered / rounds == pytest.approx(0.95, abs=0.035)


def test_a_ratio_to_nothing_is_undefined_and_of_nothing_is_not() -> None:
    assert share_ratio(share([1.0]), share([0.0, 0.0])) is None
    none_right = share_ratio(share(np.zeros(8)), share([1.0, 0.0]))
    assert none_right is not None
    assert none_right.low == none_right.value == 0
    assert 0 < none_right.high < np.inf


def test_by_sign_every_sign_counts_alike() -> None:
    """Who always says the commonest of three signs is right in a third, however common it is."""
    signs = ["common"] * 90 + ["rare"] * 5 + ["other"] * 5
    found = share_by_sign([sign == "common" for sign in signs], signs)
    assert found.value == pytest.approx(1 / 3)
    assert (found.low, found.high) == wilson(found.value, 9 / (1 / 90 + 2 / 5))
    assert found.n == 100


def test_by_sign_of_equally_many_clips_is_the_plain_share() -> None:
    right = np.random.default_rng(0).random(30) < 0.7
    plain, by_sign = share(right), share_by_sign(right, list("abc") * 10)
    assert by_sign.n == plain.n
    assert (by_sign.value, by_sign.low, by_sign.high) == pytest.approx((plain.value, plain.low, plain.high))
    with pytest.raises(ValueError, match="no clips"):
        share_by_sign([], [])
