"""Intervals of shares, held against the equation that defines them and against what they promise."""

from math import comb

import pytest

from t2s.evaluation.wilson import wilson

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
