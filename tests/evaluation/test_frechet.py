"""The Fréchet distance against its closed form, and the floor that goes with it."""

import numpy as np
import pytest

from t2s.evaluation.frechet import FeatureSet, disjoint_halves, frechet_distance, frechet_report, random_halves


def exact_moments(rng: np.random.Generator, n: int, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A sample with exactly this mean and exactly these independent deviations."""
    raw = rng.normal(size=(n, len(mean)))
    raw -= raw.mean(axis=0)
    raw = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return raw * deviation + mean


def test_closed_form_for_independent_gaussians() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 0.1])
    a = exact_moments(rng, 500, np.zeros(3), np.ones(3))
    b = exact_moments(rng, 300, mean, deviation)
    assert frechet_distance(a, b) == pytest.approx((mean**2).sum() + ((1 - deviation) ** 2).sum(), abs=1e-9)


def test_symmetric_zero_on_itself_and_fit_for_fewer_clips_than_features() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(10, 40)).astype(np.float32), rng.normal(1.0, 1.0, size=(12, 40)).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_one_clip_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))


def test_halves_share_no_signer() -> None:
    signers = [f"person-{i % 5}" for i in range(40)]
    one, two = disjoint_halves(signers, np.random.default_rng(0))
    assert {signers[i] for i in one}.isdisjoint({signers[i] for i in two})
    assert sorted([*one, *two]) == list(range(40))


def test_halves_are_as_alike_as_people_allow_and_differ() -> None:
    signers = [f"{person}" for person, clips in enumerate((9, 5, 4, 4, 2)) for _ in range(clips)]
    found = [disjoint_halves(signers, np.random.default_rng(seed)) for seed in range(8)]
    assert {len(one) for one, _ in found} <= {11, 12, 13}
    assert len({tuple(one) for one, _ in found}) > 2


def test_clips_of_one_person_are_halved_at_random() -> None:
    one, two = random_halves(9, np.random.default_rng(0))
    assert len(one) == 4
    assert sorted([*one, *two]) == list(range(9))


@pytest.mark.parametrize(
    ("counts", "halves", "per_side"),
    [((20, 20, 20), "people", 20), ((60,), "clips", 30), ((50, 4, 2), "clips", 28), ((4, 1), "clips", 2)],
)
def test_all_distances_are_between_equally_many_clips_and_say_of_what_halves(
    counts: tuple[int, ...], halves: str, per_side: int
) -> None:
    rng = np.random.default_rng(0)
    people = [f"{person}" for person, clips in enumerate(counts) for _ in range(clips)]
    real = FeatureSet(rng.normal(size=(len(people), 3)), ["a"] * len(people), people)
    report = frechet_report(real, real, splits=5, seed=0)
    assert (report.halves, report.clips_per_side) == (halves, per_side)


def test_samples_of_reality_score_the_floor_and_a_shift_scores_above() -> None:
    rng = np.random.default_rng(2)
    people = [f"person-{i % 8}" for i in range(400)]
    real = FeatureSet(rng.normal(size=(400, 6)), ["a"] * 400, people)
    same = frechet_report(FeatureSet(rng.normal(size=(300, 6)), ["a"] * 300), real, splits=10, seed=0)
    assert same.clips_per_side == 200
    assert same.generated == pytest.approx(same.real_floor, rel=0.35)
    shifted = frechet_report(FeatureSet(rng.normal(0.5, 1.0, size=(300, 6)), ["a"] * 300), real, splits=10, seed=0)
    assert shifted.generated > 3 * shifted.real_floor
    assert shifted.real_floor == same.real_floor


def test_the_share_of_signs_is_kept_equal_on_both_sides() -> None:
    """Signs far apart, few clips: a random subset would differ from the floor by its mixture alone."""
    rng = np.random.default_rng(3)
    signs = [sign for _ in range(6) for sign in "abcd"]
    centres = {sign: 20 * rng.normal(size=5) for sign in "abcd"}
    features = np.stack([centres[sign] + rng.normal(size=5) for sign in signs])
    people = [f"person-{i // 4}" for i in range(24)]
    report = frechet_report(FeatureSet(features, signs), FeatureSet(features, signs, people), splits=10, seed=0)
    assert report.generated <= 1.2 * report.real_floor
