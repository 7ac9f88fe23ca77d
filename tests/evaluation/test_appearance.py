"""The measures of looks do what they are there for: a still fails, noise fails, copies fail, reality passes."""

import numpy as np
import pytest

from t2s.data.clips import ClipStore
from t2s.evaluation.appearance import Appearance, appearance_report
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.generation import GeneratedClips
from t2s.evaluation.memorisation import Memorisation
from t2s.evaluation.real import RealClips
from t2s.evaluation.reference import TrainReference

BOOTSTRAP = Bootstrap(200, 0)


def as_generated(clips: np.ndarray, signs: list[str]) -> GeneratedClips:
    return GeneratedClips(clips, tuple(signs), tuple(signs), tuple(range(len(signs))))


@pytest.fixture(scope="module")
def real(held_out: RealClips) -> Appearance:
    return Appearance.of(held_out)


@pytest.fixture(scope="module")
def reference(train: RealClips) -> TrainReference:
    return TrainReference.measure(train, train.signs, max_clips=1000, seed=0)


def test_reality_looks_like_reality(train: RealClips, real: Appearance) -> None:
    report = appearance_report(Appearance.of(train), real, BOOTSTRAP)
    for name in ("motion_energy_ratio", "sharpness_ratio", "flicker_ratio", "diversity"):
        low, high = report[f"{name}_ci"]
        assert 0.65 < report[name] < 1.5
        assert low < report[name] < high
    assert report["noise_level"]["generated"] == pytest.approx(0, abs=1e-3)


def test_a_still_image_fails_motion_energy(held_out: RealClips, real: Appearance) -> None:
    still = np.repeat(held_out[:][:, :, 4:5], 8, axis=2)
    report = appearance_report(Appearance.of(as_generated(still, held_out.signs)), real, BOOTSTRAP)
    assert report["motion_energy_ratio"] == 0
    assert report["flicker_ratio"] == 0
    assert report["sharpness_ratio"] == pytest.approx(1, abs=0.4)


def test_noise_and_blur_show(held_out: RealClips, real: Appearance) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, held_out[:].shape).astype(np.float32)
    noisy = appearance_report(Appearance.of(as_generated(held_out[:] + noise, held_out.signs)), real, BOOTSTRAP)
    assert noisy["sharpness_ratio"] > 1.3
    assert noisy["noise_level"]["generated"] == pytest.approx(0.1, rel=0.15)
    soft = sum(np.roll(held_out[:], (i, j), (-1, -2)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    assert (
        appearance_report(Appearance.of(as_generated(soft, held_out.signs)), real, BOOTSTRAP)["sharpness_ratio"] < 0.6
    )


def test_the_same_clip_every_time_has_no_diversity(held_out: RealClips, real: Appearance) -> None:
    first = {sign: held_out[i : i + 1] for i, sign in reversed(list(enumerate(held_out.signs)))}
    same = np.concatenate([first[sign] for sign in held_out.signs])
    report = appearance_report(Appearance.of(as_generated(same, held_out.signs)), real, BOOTSTRAP)
    assert report["diversity"] == pytest.approx(0, abs=1e-3)


def test_a_single_clip_per_sign_has_an_unknown_diversity(held_out: RealClips, real: Appearance) -> None:
    four = as_generated(held_out[:4], held_out.signs[:4])
    assert appearance_report(Appearance.of(four), real, BOOTSTRAP)["diversity"] is None


def test_a_copied_training_set_fails_memorisation(
    train: RealClips, held_out: RealClips, real: Appearance, reference: TrainReference
) -> None:
    looks = Appearance.of(train)
    copied = Memorisation.measure(looks, real, held_out.signers, reference)
    report = copied.report(0.1, BOOTSTRAP)
    assert report["share"] == 1
    assert report["same_sign"] == 1
    assert report["training_clips"] == report["of_training_clips"] == len(train)
    assert report["above_expected"]


def test_people_never_seen_pass_memorisation(held_out: RealClips, real: Appearance, reference: TrainReference) -> None:
    fresh = Memorisation.measure(real, real, held_out.signers, reference)
    report = fresh.report(0.1, BOOTSTRAP)
    assert report["share"] == pytest.approx(0.1, abs=0.05)
    assert not report["above_expected"]


def test_clips_of_the_asked_signs_are_searched_first(train: RealClips, held_out: RealClips, real: Appearance) -> None:
    """A quarter of the clips is enough to find what was copied of one sign among four; of all alike it is not."""
    asked = train.of_signs(["grow"])
    looks = Appearance.of(as_generated(asked[:], asked.signs))
    shares = {}
    for first in (["grow"], train.signs):
        reference = TrainReference.measure(train, first, max_clips=len(asked), seed=0)
        report = Memorisation.measure(looks, real, held_out.signers, reference).report(0.1, BOOTSTRAP)
        shares[len(first)] = report["share"]
        assert (report["training_clips"], report["of_training_clips"]) == (len(asked), len(train))
    assert shares[1] == 1 > shares[len(train.signs)]
    more = TrainReference.measure(train, ["grow"], max_clips=len(asked) + 3, seed=0)
    assert sorted(more.clips.signs) == ["blink", "down", *["grow"] * len(asked), "right"]


def distances(generated: np.ndarray, held_out: np.ndarray, signers: list[str]) -> Memorisation:
    count = len(generated)
    nothing = np.zeros(count, np.int64)
    return Memorisation(generated, held_out, nothing, np.zeros(count), ("a",) * count, tuple(signers), 9, 9)


def test_who_happens_to_look_like_a_trained_person_is_part_of_the_interval() -> None:
    """Clips that copy nothing, of six people: were each clip of another person, the interval would be too narrow."""
    rng, widths = np.random.default_rng(5), {"people": 0.0, "clips": 0.0}
    signers = {"people": [f"{row // 28}" for row in range(6 * 28)], "clips": [f"{row}" for row in range(6 * 28)]}
    for _ in range(20):
        clips = rng.normal(1, 0.1, (12, 1)) + rng.normal(0, 0.05, (12, 28))
        for kind in widths:
            low, high = distances(clips[6:].ravel(), clips[:6].ravel(), signers[kind]).report(0.05, BOOTSTRAP)[
                "share_ci"
            ]
            widths[kind] += high - low
    assert widths["people"] > 1.3 * widths["clips"]


def test_each_held_out_person_is_held_against_the_others() -> None:
    near, far = np.full(20, 0.1), np.linspace(0.5, 1, 40)
    found = distances(far, np.concatenate([near, far]), ["near"] * 20 + ["far"] * 20 + ["farther"] * 20)
    report = found.report(0.05, BOOTSTRAP)
    assert (report["most_of_one_person"], report["held_out_people"]) == (1, 3)
    alone = distances(far, far, ["one"] * 40).report(0.05, BOOTSTRAP)
    assert (alone["most_of_one_person"], alone["held_out_people"]) == (None, 1)


def test_a_person_of_few_clips_excuses_no_copies() -> None:
    """One clip is nearer or it is not: a share of 1 would excuse every copy."""
    held_out = np.linspace(0.4, 1, 60)
    report = distances(np.full(30, 0.01), held_out, [f"{row}" for row in range(60)]).report(0.05, BOOTSTRAP)
    assert report["share"] == 1
    assert report["most_of_one_person"] is None
    assert report["above_expected"]


def test_the_reference_holds_mean_and_power_of_the_training_clips(
    store: ClipStore, train: RealClips, reference: TrainReference
) -> None:
    clips = train[:].astype(np.float64)
    np.testing.assert_allclose(reference.moments.mean_clip.numpy(), clips.mean(axis=0), atol=1e-6)
    assert reference.moments.second_moment == pytest.approx((clips**2).mean())
    few = TrainReference.measure(train, train.signs, max_clips=8, seed=0)
    assert sorted(few.clips.signs) == sorted(["blink", "down", "grow", "right"] * 2)
