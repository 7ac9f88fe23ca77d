"""A network that has learned nothing must look like it in every measure: the measures themselves flatter nobody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2s.data.clips import ClipStore
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.examination import Subject, examine
from t2s.evaluation.recogniser import Recogniser
from t2s.sampling import Text2Sign

CHANCE = 0.25  # four signs


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory,
    make_checkpoint: Callable[..., Path],
    recogniser: Recogniser,
    store: ClipStore,
    evaluate_config: EvaluateConfig,
) -> dict[str, Any]:
    """Of a real ViViT of random weights, none of them zero: it does listen to its prompt, in a language of its own."""
    shape = {"num_frames": store.meta.num_frames, "image_size": store.meta.image_size}
    prompts = sorted(set(store.texts("train")))
    path = tmp_path_factory.mktemp("untrained") / "t2s.safetensors"
    model = Text2Sign.from_checkpoint(make_checkpoint(path, prompts=prompts, clip=shape), "cpu")
    subject = Subject(
        denoise_x0=model.denoise_x0,
        generate=lambda prompts, seeds: model.generate(prompts, seeds, num_steps=4, precision="fp32"),
        encode=model.tokenizer.encode,
        schedule=model.schedule,
        device=model.device,
    )
    config = evaluate_config.model_copy(update={"clips_per_sign": 6, "ranking_clips": 24, "null_clips": 8})
    found = examine(subject, recogniser, store, [("down", "right", "direction")], config)
    return {**found.faithfulness, "per_timestep": found.evaluation["per_timestep"]}


def test_its_clips_are_not_recognised_above_chance(report: dict[str, Any]) -> None:
    """All clips of a prompt look alike to it, so four prompts are four draws: they may well all be wrong."""
    assert report["refused"] is None
    assert report["generated"]["top1_ci"][0] <= CHANCE
    assert report["generated"]["over_ceiling_ci"][1] < 0.7
    assert report["null"]["top1"] <= 0.5
    low, high = report["distance_ratios"]["to_real_other_over_own"]["ratio_ci"]
    assert low <= 1 <= high


def test_its_losses_find_no_prompt(report: dict[str, Any]) -> None:
    low, high = report["ranking"]["top1_ci"]
    assert low <= CHANCE <= high
    low, high = report["loss_gap"]["shuffled_minus_intended_ci"]
    assert low <= 0 <= high


def test_it_beats_no_trivial_denoiser(report: dict[str, Any]) -> None:
    assert max(row["skill"] for row in report["per_timestep"]) < 0


def test_it_is_far_from_reality_and_copies_nothing(report: dict[str, Any]) -> None:
    assert report["frechet"]["ratio_range"][0] > 2
    assert report["memorisation"]["share"] == 0
