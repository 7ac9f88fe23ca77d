"""What the recogniser says of generated clips, tried on clips whose truth is known."""

import numpy as np
import pytest
import torch

from t2s.evaluation.bootstrap import Bootstrap, Estimate
from t2s.evaluation.generation import GeneratedClips, generate_null, generate_signs
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Reading, Recogniser
from t2s.evaluation.semantics import (
    NOTHING_KNOWN,
    nearest_report,
    pairs_report,
    recogniser_report,
    refusal,
    refused_report,
    semantics_report,
)
from t2s.evaluation.wilson import share

BOOTSTRAP = Bootstrap(200, 0)
PAIRS = [("right", "down", "direction"), ("right", "fly", "unknown here")]


def generated(clips: np.ndarray, signs: list[str]) -> GeneratedClips:
    return GeneratedClips(clips, tuple(signs), tuple(signs), tuple(range(len(signs))))


def report_of(recogniser: Recogniser, held_out: RealClips, clips: np.ndarray, signs: list[str]) -> dict:  # type: ignore[type-arg]
    null = generated(clips[:8], list(np.random.default_rng(0).permutation(signs)[:8]))
    return semantics_report(recogniser, generated(clips, signs), null, held_out, PAIRS, BOOTSTRAP, frechet_splits=6)


def test_real_clips_fed_as_generated_reach_the_ceiling(recogniser: Recogniser, held_out: RealClips) -> None:
    ceiling = recogniser_report(recogniser, held_out)
    report = report_of(recogniser, held_out, held_out[:], held_out.signs)
    assert report["generated"]["top1"] == ceiling["ceiling_top1"] >= 0.9
    assert report["generated"]["top1_ci"] == ceiling["ceiling_top1_ci"]
    assert report["generated"]["n"] == len(held_out)
    assert report["confusion"] == ceiling["confusion"]
    assert report["shuffled"]["top1"] == pytest.approx(0.25, abs=0.03)
    assert report["frechet"]["generated"] <= 1.5 * report["frechet"]["real_floor"]
    ratios = report["distance_ratios"]
    assert ratios["generated_between_over_within"] == ratios["real_between_over_within"]
    assert ratios["real_between_over_within"]["ratio"] > 1.5
    assert report["minimal_pairs"]["accuracy"] >= 0.9
    assert [row["signs"] for row in report["minimal_pairs"]["pairs"]] == [["right", "down"]]


def test_clips_of_other_signs_than_asked_are_at_chance(recogniser: Recogniser, held_out: RealClips) -> None:
    asked = np.random.default_rng(1).permutation(held_out.signs).tolist()
    report = report_of(recogniser, held_out, held_out[:], asked)
    assert report["generated"]["top1"] == pytest.approx(0.25, abs=0.2)
    assert report["distance_ratios"]["generated_between_over_within"]["ratio"] == pytest.approx(1, abs=0.15)


def test_an_untrained_generator_is_at_chance_and_far_from_reality(recogniser: Recogniser, held_out: RealClips) -> None:
    noise = np.random.default_rng(2).normal(0, 0.5, held_out[:].shape).astype(np.float32)
    report = report_of(recogniser, held_out, noise, held_out.signs)
    assert report["generated"]["top1"] == pytest.approx(0.25, abs=0.15)
    assert report["null"]["top1"] <= 0.7
    assert report["frechet"]["generated"] > 3 * report["frechet"]["real_floor"]


def test_every_figure_counts_the_clips_that_it_stands_on(recogniser: Recogniser, held_out: RealClips) -> None:
    """`right` is in two pairs: its clips count once over all, with the mean of both."""
    some = held_out.of_signs(["right", "down", "grow"])
    pairs = [("right", "down", "direction"), ("right", "grow", "movement"), ("down", "blink", "not generated")]
    asked = generated(some[:], some.signs)
    report = semantics_report(recogniser, asked, asked, held_out, pairs, BOOTSTRAP, frechet_splits=6)
    found = report["minimal_pairs"]
    assert [row["n"] for row in found["pairs"]] == [12, 12]
    assert found["n"] == len(some) == 18
    ratios = report["distance_ratios"]
    assert {name: each["n"] for name, each in ratios.items()} == dict.fromkeys(ratios, 18)
    few = generated(some[:4], some.signs[:4])
    assert semantics_report(recogniser, few, few, held_out, [], BOOTSTRAP, 6)["distance_ratios"][
        "real_between_over_within"
    ]["n"] == len(held_out.of_signs(some.signs[:4]))


def test_over_all_pairs_a_clip_counts_once(recogniser: Recogniser) -> None:
    """Four clips, the first two of the sign that is in both pairs; one of them is wrong in one pair."""
    a, b, c = (recogniser.signs.index(sign) for sign in ("right", "down", "grow"))
    logits = np.zeros((4, 4), np.float32)
    logits[:, a] = [2, 2, 1, 1]
    logits[:, b] = [1, 3, 2, 0]
    logits[:, c] = [1, 1, 0, 2]
    reading = Reading(logits, np.zeros((4, 1), np.float32))
    pairs = [("right", "down", "x"), ("right", "grow", "y")]
    report = pairs_report(recogniser, reading, ["right", "right", "down", "grow"], pairs)
    assert report is not None
    assert [row["accuracy"] for row in report["pairs"]] == pytest.approx([2 / 3, 1])
    assert report["accuracy"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_where_no_held_out_clip_shows_a_known_sign_the_gate_is_closed(
    recogniser: Recogniser, held_out: RealClips
) -> None:
    report = recogniser_report(recogniser, RealClips(held_out.store, ()))
    assert report["refused"] == NOTHING_KNOWN
    assert report["ceiling_top1"] is report["ceiling_top1_ci"] is report["confusion"] is None
    assert report.keys() | {"n"} == recogniser_report(recogniser, held_out).keys()


def test_the_nearest_training_clips_are_read_against_what_was_asked(
    recogniser: Recogniser, held_out: RealClips
) -> None:
    turned = held_out.at([*range(1, len(held_out)), 0])
    same, other = (nearest_report(recogniser, held_out, asked) for asked in (held_out.signs, turned.signs))
    assert same["top1"] == recogniser_report(recogniser, held_out)["ceiling_top1"]
    share_equal = np.mean([a == b for a, b in zip(held_out.signs, turned.signs, strict=True)])
    assert other["top1"] == pytest.approx(share_equal, abs=1 - same["top1"] + 1e-9)
    assert same["n"] == other["n"] == len(held_out)


def test_a_closed_gate_has_the_same_keys_and_no_numbers(recogniser: Recogniser, held_out: RealClips) -> None:
    refused = refused_report()
    report = report_of(recogniser, held_out, held_out[:], held_out.signs)
    assert refused.keys() == report.keys() | {"nearest_training"}
    assert refused["nearest_training"].keys() | {"n"} == nearest_report(recogniser, held_out, held_out.signs).keys()
    for part in ("generated", "shuffled", "null", "nearest_training"):
        assert refused[part]["top1"] is None
    assert refused["frechet"]["generated"] is refused["frechet"]["real_floor"] is None


@pytest.mark.parametrize(
    ("ceiling", "is_open"),
    [
        (Estimate(0.97, 0.95, 0.99, 200), True),
        (Estimate(0.30, 0.22, 0.38, 200), False),
        (Estimate(0.04, 0.02, 0.06, 200), False),
    ],
)
def test_the_gate(ceiling: Estimate, is_open: bool) -> None:
    reason = refusal(ceiling, num_signs=28, margin=0.2)
    assert (reason is None) == is_open
    if reason:
        assert "semantics refused" in reason
        assert f"{ceiling.value:.3f}" in reason
        assert "chance (0.036)" in reason


@pytest.mark.parametrize("num_clips", [1, 2, 3])
def test_the_gate_stays_closed_on_a_few_lucky_clips(num_clips: int) -> None:
    """Two signs: a judge that guesses is right on all of three clips in one case of eight."""
    assert refusal(share(np.ones(num_clips)), num_signs=2, margin=0.2) is not None
    assert refusal(share(np.ones(20)), num_signs=2, margin=0.2) is None


def test_report_by_sign_and_signer(recogniser: Recogniser, held_out: RealClips) -> None:
    report = recogniser_report(recogniser, held_out)
    assert report["per_sign"].keys() == set(recogniser.signs)
    assert report["per_signer"].keys() == set(held_out.signers)
    assert sum(row["n"] for row in report["per_signer"].values()) == report["num_clips"] == len(held_out)
    assert sum(number for *_, number in report["confusion"]) == len(held_out)
    assert report["ceiling_top5"] is None  # of four signs all are right
    assert report["refused"] is None


def test_every_sign_gets_its_clips_each_from_its_own_noise() -> None:
    asked: list[tuple[str, int]] = []

    def generate(prompts: list[str], seeds: list[int]) -> torch.Tensor:
        assert len(prompts) == len(seeds) <= 4
        asked.extend(zip(prompts, seeds, strict=True))
        return torch.zeros(len(prompts), 3, 2, 4, 4)

    clips = generate_signs(generate, {"a": "say a", "b": "say b"}, clips_per_sign=3, seed=5, batch_size=4)
    null = generate_null(generate, ["a", "b"], count=5, seed=5, batch_size=4)
    assert [prompt for prompt, _ in asked] == ["say a"] * 3 + ["say b"] * 3 + [""] * 5
    assert len({seed for _, seed in asked}) == 11
    assert clips.signs == ("a", "a", "a", "b", "b", "b")
    assert null.signs == ("a", "b", "a", "b", "a")
    assert clips.clips.shape == (6, 3, 2, 4, 4)
