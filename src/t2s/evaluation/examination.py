"""The whole examination of a generator: per-timestep errors, faithfulness to the text, looks, copies."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from t2s.data.clips import ClipStore
from t2s.diffusion.schedule import Schedule
from t2s.evaluation.appearance import Appearance, appearance_report
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.generation import Generate, GeneratedClips, generate_null, generate_signs
from t2s.evaluation.judge import Judge
from t2s.evaluation.memorisation import Memorisation
from t2s.evaluation.noising import DenoiseX0
from t2s.evaluation.ranking import (
    PromptLosses,
    loss_gap_report,
    prompt_losses,
    ranking_report,
    timestep_bins,
    top1,
)
from t2s.evaluation.real import RealClips
from t2s.evaluation.recognition import by_group, shares_by_group
from t2s.evaluation.reference import TrainReference
from t2s.evaluation.semantics import (
    Pair,
    nearest_report,
    no_recogniser,
    recogniser_report,
    refused_report,
    semantics_report,
)
from t2s.evaluation.timesteps import timestep_errors
from t2s.evaluation.vocabulary import evaluated_prompts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """The generator under examination, as plain callables on one device."""

    denoise_x0: DenoiseX0
    generate: Generate
    encode: Callable[[Sequence[str]], Tensor]  # prompts → ids (B, L)
    schedule: Schedule
    device: torch.device


@dataclass(frozen=True)
class Findings:
    """`evaluation` and `faithfulness` are the two JSON reports; the rest is what tables and pictures are made of."""

    evaluation: dict[str, Any]
    faithfulness: dict[str, Any]
    generated: GeneratedClips
    null: GeneratedClips
    memorisation: Memorisation


def examine(
    subject: Subject, judge: Judge | None, store: ClipStore, pairs: Sequence[Pair], config: EvaluateConfig
) -> Findings:
    """Measure everything; deterministic on one device. `pairs`: signs that differ in one parameter only.

    `judge`: the project's recogniser or another; None: nobody can tell the signs apart.

    Raises:
        UserError: the store has no training or no held-out clips.
    """
    bootstrap = Bootstrap(config.bootstrap_resamples, config.seed)
    train, held_out = RealClips.of_split(store, "train"), RealClips.held_out(store)
    prompt_of = evaluated_prompts(train, held_out, config.max_signs, config.seed)
    signs = list(prompt_of)
    known = held_out.of_signs(signs)
    with timed("training clips"):
        reference = TrainReference.measure(train, signs, config.max_reference_clips, config.seed)
    with timed("per-timestep errors"):
        rows = _timestep_rows(subject, held_out, reference, config, bootstrap)
    with timed("prompt ranking"):
        ranked = known.balanced(config.ranking_clips, config.seed)
        losses = _prompt_losses(subject, ranked, prompt_of, config)
    with timed("generation"):
        generated = generate_signs(subject.generate, prompt_of, config.clips_per_sign, config.seed, config.batch_size)
        null = generate_null(subject.generate, signs, config.null_clips, config.seed, config.batch_size)
    with timed("recogniser"):
        if judge is None:
            semantics = _unread(train)
        else:
            semantics = _semantics(judge, generated, null, held_out, pairs, bootstrap, config.frechet_splits)
    with timed("appearance"):
        looks, real_looks = Appearance.of(generated), Appearance.of(known)
        memorisation = Memorisation.measure(looks, real_looks, known.signers, reference)
    if judge is not None and semantics["refused"] is None:
        nearest = reference.clips.at(memorisation.rows.tolist())
        semantics["nearest_training"] = nearest_report(judge, nearest, generated.signs)
    faithfulness = {
        **semantics,
        "signs": signs,
        "chance": 1 / len(signs),
        "clips": {"generated": len(generated), "null": len(null), "held_out": len(known), "ranked": len(ranked)},
        **_use_of_text(losses, ranked, bootstrap),
        "memorisation": memorisation.report(config.memorisation_quantile, bootstrap),
        **appearance_report(looks, real_looks, bootstrap),
    }
    evaluation = {
        "per_timestep": rows,
        "num_clips": min(config.timestep_clips, len(held_out)),
        "recogniser": {
            "ceiling_top1": faithfulness["recogniser"]["ceiling_top1"],
            "generated_top1": faithfulness["generated"]["top1"],
            "chance": faithfulness["recogniser"]["chance"],
        },
    }
    return Findings(evaluation, faithfulness, generated, null, memorisation)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Log how long a part took."""
    start = time.perf_counter()
    yield
    logger.info("%-20s %6.1f s", what, time.perf_counter() - start)


def _timestep_rows(
    subject: Subject, held_out: RealClips, reference: TrainReference, config: EvaluateConfig, bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    fixed = held_out.balanced(config.timestep_clips, config.seed)
    errors = timestep_errors(
        subject.denoise_x0,
        subject.schedule,
        torch.from_numpy(fixed[:]).to(subject.device),
        subject.encode(fixed.texts).to(subject.device),
        reference.moments,
        config.seed,
        config.batch_size,
    )
    return [each.as_row(bootstrap) for each in errors]


def _prompt_losses(
    subject: Subject, ranked: RealClips, prompt_of: dict[str, str], config: EvaluateConfig
) -> PromptLosses:
    position = {sign: index for index, sign in enumerate(prompt_of)}
    return prompt_losses(
        subject.denoise_x0,
        subject.schedule,
        torch.from_numpy(ranked[:]).to(subject.device),
        np.array([position[sign] for sign in ranked.signs]),
        subject.encode(list(prompt_of.values())).to(subject.device),
        timestep_bins(subject.schedule.num_timesteps, config.ranking_bins),
        config.seed,
        config.batch_size,
    )


def _use_of_text(losses: PromptLosses, ranked: RealClips, bootstrap: Bootstrap) -> dict[str, Any]:
    """The parts `ranking` and `loss_gap`; groups are empty where there is one prompt."""
    ranking, gap = ranking_report(losses, bootstrap), loss_gap_report(losses, bootstrap)
    groups = {"per_sign": ranked.signs, "per_signer": ranked.signers} if losses.ways > 1 else {}
    right = top1(losses.scores(), losses.intended)
    of_ranking: dict[str, Any] = {"per_sign": {}, "per_signer": {}}
    of_gap = dict(of_ranking)
    for name, group in groups.items():
        of_ranking[name] = shares_by_group(right, group, "top1")
        of_gap[name] = by_group(losses.shuffled_gap, group, "shuffled_minus_intended")
    return {"ranking": ranking | of_ranking, "loss_gap": gap | of_gap}


def _unread(train: RealClips) -> dict[str, Any]:
    """What is left where the data name too few signs for a recogniser."""
    refused = no_recogniser(sorted(set(train.with_signs().signs)))
    logger.warning(refused)
    nothing = {"ceiling_top1": None, "ceiling_top1_ci": None, "chance": None}
    return {"recogniser": nothing, "refused": refused, **refused_report()}


def _semantics(
    judge: Judge,
    generated: GeneratedClips,
    null: GeneratedClips,
    held_out: RealClips,
    pairs: Sequence[Pair],
    bootstrap: Bootstrap,
    frechet_splits: int,
) -> dict[str, Any]:
    ceiling = recogniser_report(judge, held_out)
    if refused := ceiling["refused"]:
        logger.warning(refused)
        return {"recogniser": ceiling, "refused": refused, **refused_report()}
    report = semantics_report(judge, generated, null, held_out, pairs, bootstrap, frechet_splits)
    return {"recogniser": ceiling, "refused": None, **report}
