"""What is measured of every cell: skill at every timestep, and whether generated clips show the sign asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from t2s.assembly import Recipe
from t2s.checkpoint import Checkpoint
from t2s.clips import Clips, carried
from t2s.data.clips import ClipStore
from t2s.diffusion.schedule import make_schedule
from t2s.evaluation.arrays import Labels, PerClip
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.generation import generate_signs
from t2s.evaluation.judge import labels_of
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.recognition import hits
from t2s.evaluation.reference import train_moments
from t2s.evaluation.timesteps import TimestepErrors, timestep_errors
from t2s.evaluation.vocabulary import evaluated_prompts
from t2s.evaluation.wilson import share
from t2s.models.text import PromptTokenizer
from t2s.sampling import Text2Sign
from t2s.training_sheets import sheet_drawer

# Ranges of noise by SNR, cut where the seed's weight stops changing: the same whatever the schedule. On a plain cosine
# of 50 steps low is t ≤ 8 and high is t ≥ 40.
RANGES: dict[str, tuple[float, float]] = {"low": (10.0, np.inf), "mid": (0.1, 10.0), "high": (0.0, 0.1)}
UNJUDGED: dict[str, Any] = {"top1": None, "top1_ci": None, "n": 0, "chance": None, "hits": {}}  # a closed gate
SHEET_SIGNS = 4  # rows of a sample sheet
SHEET_FRAMES = 6  # its columns
SHEET_SEED = 0  # row i starts from the noise of seed SHEET_SEED + i, in every cell and at every epoch
SHEET_STEPS = 12


def measure_cell(model: Text2Sign, judge: Checkpoint, store: ClipStore, config: EvaluateConfig) -> dict[str, Any]:
    """All measures of a trained cell. `judge`: the recogniser's file, whose own report says whether it may judge."""
    train, held_out = RealClips.of_split(store, "train"), RealClips.held_out(store)
    recogniser = Recogniser.restore(judge.tensors, judge.metadata)
    generated = UNJUDGED
    if recogniser is not None and judge.metadata["report"]["refused"] is None:
        generated = measure_signs(model, recogniser, train, held_out, config)
    return {
        **measure_timesteps(model, train, held_out, config),
        "generated": generated,
        "recogniser": judge.metadata["report"],
    }


def measure_timesteps(
    model: Text2Sign, train: RealClips, held_out: RealClips, config: EvaluateConfig
) -> dict[str, Any]:
    """`per_timestep`, columns over t, and `skill` of each range of noise with its interval over clips."""
    fixed = held_out.balanced(config.timestep_clips, config.seed)
    moments = train_moments(train, len(train), config.seed)
    rows = timestep_errors(
        model.denoise_x0,
        model.schedule,
        torch.from_numpy(fixed[:]).to(model.device),
        model.tokenizer.encode(fixed.texts).to(model.device),
        moments,
        config.seed,
        config.batch_size,
    )
    bootstrap = Bootstrap(config.bootstrap_resamples, config.seed)
    skills = [row.skill(bootstrap) for row in rows]
    errors = [float(row.model.mean()) for row in rows]
    columns = {
        "t": [row.t for row in rows],
        "snr": [rounded(row.snr) for row in rows],
        "x0_mse": [rounded(error) for error in errors],
        "eps_mse": [rounded(row.snr * error) for row, error in zip(rows, errors, strict=True)],
        "best_trivial": [row.best_baseline for row in rows],
        "best_trivial_x0_mse": [rounded(float(row.baselines[row.best_baseline].mean())) for row in rows],
        "skill": [rounded(skill.value) for skill in skills],
        "skill_ci": [[rounded(skill.low), rounded(skill.high)] for skill in skills],
    }
    return {"per_timestep": columns, "skill": range_skills(rows, bootstrap)}


def range_skills(rows: list[TimestepErrors], bootstrap: Bootstrap) -> dict[str, dict[str, Any]]:
    """Skill of each range: 1 − geometric mean over its timesteps of MSE / best trivial MSE.

    The ratio is the same in x0, epsilon and v, and its geometric mean is not ruled by the one worst timestep.
    """
    found = {}
    for name, (low, high) in RANGES.items():
        inside = [row for row in rows if low <= row.snr < high]
        if not inside:
            continue
        model = np.stack([row.model for row in inside])  # (timesteps, clips)
        trivial = np.stack([row.baselines[row.best_baseline] for row in inside])

        def skill(chosen: Labels, model: PerClip = model, trivial: PerClip = trivial) -> PerClip:
            ratios = model[:, chosen].mean(axis=-1) / trivial[:, chosen].mean(axis=-1)  # (timesteps, R)
            value: PerClip = 1 - np.exp(np.log(ratios).mean(axis=0))
            return value

        estimate = bootstrap.statistic(model.shape[1], skill)
        found[name] = {"value": rounded(estimate.value), "ci": [rounded(estimate.low), rounded(estimate.high)]}
    return found


def measure_signs(
    model: Text2Sign, recogniser: Recogniser, train: RealClips, held_out: RealClips, config: EvaluateConfig
) -> dict[str, Any]:
    """Top-1 of the recogniser on generated clips, and the hits behind it: one digit a clip, by sign."""
    prompt_of = evaluated_prompts(train, held_out, config.max_signs, config.seed)
    made = generate_signs(
        lambda prompts, seeds: model.generate(prompts, seeds, **config.how),
        prompt_of,
        config.clips_per_sign,
        config.seed,
        config.batch_size,
    )
    right = hits(recogniser.read(made.clips).logits, labels_of(recogniser, made.signs))
    top1 = share(right)
    by_sign: dict[str, str] = dict.fromkeys(prompt_of, "")
    for sign, hit in zip(made.signs, right, strict=True):
        by_sign[sign] += str(int(hit))
    return {
        "top1": rounded(top1.value),
        "top1_ci": [rounded(top1.low), rounded(top1.high)],
        "n": top1.n,
        "chance": rounded(1 / len(recogniser.signs)),
        "hits": by_sign,
    }


def sheet_hook(
    recipe: Recipe, tokenizer: PromptTokenizer, real: Tensor, folder: Path, about: Mapping[str, Any]
) -> Callable[[nn.Module, int], dict[str, float]]:
    """A `SampleHook` that writes folder/epoch-005.png, …: the same signs from the same noise in every cell.

    about: the checkpoint's metadata, of which the sheets carry what all clips do.
    """
    clip, schedule = recipe.clip, make_schedule(recipe.diffusion)
    prompts = sorted(set(recipe.store.texts("train")))[:SHEET_SIGNS]
    seeds = [SHEET_SEED + i for i in range(len(prompts))]

    def show(made: Tensor, epoch: int) -> None:
        facts = {"prompt": ", ".join(prompts), "epoch": epoch, **carried(about)}
        sheet = Clips.from_model(made, clip.fps, facts, seeds)
        sheet.save_sheet(folder / f"epoch-{epoch:03d}.png", scale=1, max_columns=SHEET_FRAMES)

    kind = recipe.diffusion.prediction_type
    return sheet_drawer(tokenizer.encode(prompts), seeds, clip.shape, schedule, kind, real, SHEET_STEPS, show)


def rounded(value: float) -> float:
    """Five significant digits: results are kept in git."""
    return float(f"{value:.5g}")
