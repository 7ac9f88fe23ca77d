"""Same data, same wall-clock: which model reaches which generated top-1 and x0-error, and when.

    python benchmarks/time_to_quality.py --minutes 10      # a contender; needs data/clips and models/recogniser.*

All contenders first make a few steps in turns, to learn their speeds in the same weather; then each trains for as many
steps as fill the minutes, with the project's loop, objective, EMA and rate curve; a clock that stops while it is
examined counts the time. Ours runs its coarse phase first and learns by Muon and AdamW, as in params.yaml; the others
see full clips throughout. Muon is picked by the names of our blocks, which legacy has; the rest learn by AdamW. Top-1:
the recogniser's, on clips sampled from the averaged weights. x0-error: held-out clips, fixed noise. Peers get a
learning rate of their own, because ours was tuned for us. The two 3D UNets make a step of a few clips in the time that
ours makes a hundred in, so theirs are small, they are looked at once, and their clips are made in a few passes. Writes
benchmarks/results/time_to_quality.json and .png.
"""

import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import torch
from averages import Averages, Decay
from peer_models import PEERS
from results import RESULTS, finding, is_trial, make_parser, record, skip
from torch import nn
from training_step import ALMOST_ALL, run_loop
from workload import QUICK, VOCABULARY, read_settings, sample_as_asked, silent_training

from t2s.assembly import Recipe
from t2s.checkpoint import load_checkpoint
from t2s.data.clips import ClipStore
from t2s.diffusion.noise import draw_noise, seeded
from t2s.evaluation.judge import labels_of
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.recognition import hits
from t2s.models.text import PromptTokenizer
from t2s.models.vivit import ViViT
from t2s.settings import Settings
from t2s.training.loop import train

CONTENDERS = ("ours", "latte", "legacy", "unet3d", "lucidrains")
OF_A_SLOW_ONE = {"train.batch_size": 4, "sample.num_steps": 4, "sample.guidance_scale": 1.0, "sample.polish": 0}
GOAL_TOP1 = 0.8
CALIBRATION_ROUNDS = 3
BATCH = 28  # clips sampled at a time


@dataclass
class Contender:
    """A model under training and all it is examined with."""

    name: str
    settings: Settings
    recipe: Recipe
    recogniser: Recogniser
    clips_per_sign: int
    looks: int
    build: Callable[[Settings], nn.Module]

    @property
    def is_slow(self) -> bool:
        """Whether a step takes it seconds, and a batch of the others' size more memory than there is."""
        return PEERS[self.name].is_slow

    def denoiser(self) -> nn.Module:
        """Freshly and seededly made."""
        torch.manual_seed(self.recipe.train.seed)
        return self.build(self.settings)

    def top1(self, denoiser: nn.Module, tokenizer: PromptTokenizer) -> float:
        """Share of sampled clips that the recogniser takes for what was asked."""
        device = next(denoiser.parameters()).device
        known = {self.recipe.store.records[i].sign for i in self.recipe.store.indices("train")}
        signs = [sign for sign in self.recogniser.signs if sign in known for _ in range(self.clips_per_sign)]
        clips = []
        at_once = self.recipe.train.batch_size if self.is_slow else BATCH  # 28 of theirs take more than 24 GB
        for first in range(0, len(signs), at_once):
            seeds = list(range(first, min(first + at_once, len(signs))))
            noise = draw_noise(self.recipe.clip.shape, seeded(seeds)).to(device)
            prompt_ids = tokenizer.encode([signs[seed] for seed in seeds]).to(device)
            made = sample_as_asked(denoiser, self.settings.sample, self.recipe.diffusion, noise, prompt_ids)
            clips.append(made.float().cpu())
        with torch.autocast("cpu", enabled=False):  # the loop examines in the precision that it trains in
            logits = self.recogniser.read(torch.cat(clips)).logits
        return float(hits(logits, labels_of(self.recogniser, signs)).mean())


def steps_within(seconds: float, coarse_share: float, coarse_s: float, full_s: float) -> int:
    """Steps that fill `seconds` when the first `coarse_share` of them take `coarse_s` each and the rest `full_s`."""
    return max(1, int(seconds / (coarse_share * coarse_s + (1 - coarse_share) * full_s)))


def time_to(goal: float, curve: list[tuple[float, float]]) -> float | None:
    """Seconds at which a curve of (seconds, value) first reaches `goal`, interpolated from (0, 0); None: never."""
    before = (0.0, 0.0)
    for seconds, value in curve:
        if value >= goal:
            share = (goal - before[1]) / (value - before[1])
            return before[0] + share * (seconds - before[0])
        before = (seconds, value)
    return None


def paces(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    """Steps a second of each contender over its whole training, examinations aside."""
    return {name: curve[-1]["steps"] / curve[-1]["training, s"] for name, curve in curves.items()}


def steps_for(contenders: Sequence[Contender], minutes: float, num_calibration: int) -> list[int]:
    """How many steps of each contender fill `minutes`, from a few steps of all of them in turns."""
    seconds: dict[tuple[int, float], list[float]] = defaultdict(list)
    for turn in range(CALIBRATION_ROUNDS):
        for number, contender in enumerate(contenders):
            if turn > 0 and contender.is_slow:
                continue
            recipe = contender.recipe
            for coarse in (0.0, ALMOST_ALL) if recipe.train.coarse_fraction > 0 else (0.0,):
                changed = replace(recipe, train=recipe.train.model_copy(update={"coarse_fraction": coarse}))
                clock = run_loop(
                    changed, (1 if contender.is_slow else num_calibration) + 2, False, contender.denoiser()
                )
                seconds[number, coarse] += clock.step_s(1)
    return [
        steps_within(
            60 * minutes,
            contender.recipe.train.coarse_fraction,
            median(seconds.get((number, ALMOST_ALL), [0.0])),
            median(seconds[number, 0.0]),
        )
        for number, contender in enumerate(contenders)
    ]


def race(contender: Contender, num_steps: int, averages: Mapping[str, Decay] | None = None) -> list[dict[str, Any]]:
    """Train for `num_steps` and look now and then: training seconds, steps, top-1 and x0-error.

    `averages`: further averages of the weights, whose x0-error is looked at as well, in columns of their own.
    """
    recipe, tokenizer = contender.recipe, contender.recipe.tokenizer()
    looks = min(contender.looks, num_steps)
    steps_a_look = num_steps // looks  # an "epoch" of the loop below lasts from look to look
    validation = recipe.train.validation.model_copy(update={"every_epochs": 1})
    changes = {"epochs": looks, "sample_epochs": list(range(1, looks + 1)), "validation": validation}
    changes["warmup_steps"] = min(recipe.train.warmup_steps, num_steps // 10)
    config = recipe.train.model_copy(update=changes)
    endless = recipe.train.model_copy(update={"epochs": num_steps})
    whole = silent_training(replace(recipe, train=endless))
    denoiser = contender.denoiser().to(whole.accelerator.device)
    kept = Averages(denoiser, dict(averages or {}))
    rows: list[dict[str, Any]] = []
    paused = 0.0
    began = math.inf

    def examined(what: Callable[[nn.Module], dict[str, float]]) -> Callable[..., dict[str, float]]:
        def look(denoiser: nn.Module, *_: object) -> dict[str, float]:
            nonlocal paused
            before = time.perf_counter()
            found = what(denoiser)
            if len(rows) < 1 or set(found) & set(rows[-1]):
                rows.append({"training, s": before - began - paused})
            rows[-1] |= found
            paused += time.perf_counter() - before
            return {}

        return look

    def x0_errors(model: nn.Module) -> dict[str, float]:
        found = {"x0-error": whole.validation(model)["x0_mse"]}
        with kept.in_turn() as names:
            return found | {f"x0-error, {name}": whole.validation(model)["x0_mse"] for name in names}

    def after_step() -> None:
        if isinstance(denoiser, ViViT):
            denoiser.clamp_output_scale()
        kept.update()

    training = replace(
        whole,
        config=config,
        denoiser=denoiser,
        batches_from=lambda step: islice(whole.batches_from(step), looks * steps_a_look),
        num_clips=steps_a_look * config.batch_size,
        validation=examined(x0_errors),
        on_samples=examined(lambda model: {"top-1": contender.top1(model, tokenizer)}),
        after_step=after_step,
        facts=dict,
    )
    began = time.perf_counter()
    train(training)
    return [{"contender": contender.name, "steps": steps_a_look * (i + 1), **row} for i, row in enumerate(rows)]


def plot(rows: list[dict[str, Any]]) -> None:
    """Top-1 and x0-error over training time."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for panel, measure in zip(panels, ("top-1", "x0-error"), strict=True):
        for name in dict.fromkeys(row["contender"] for row in rows):
            curve = [row for row in rows if row["contender"] == name]
            panel.plot([row["training, s"] for row in curve], [row[measure] for row in curve], marker="o", label=name)
        panel.set(xlabel="training, s", ylabel=measure)
    panels[0].legend()
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "time_to_quality.png", dpi=80)


def open_project(name: str, root: Path) -> tuple[ClipStore, Recogniser]:
    """The clips and the judge of a project that `dvc repro` has been through; else the benchmark is skipped."""
    judge = root / "models" / "recogniser.safetensors"
    if not judge.is_file() or not (root / "data" / "clips").is_dir():
        skip(name, f"{judge} or data/clips is missing; run `dvc repro` there first or give --root")
    saved = load_checkpoint(judge, kind="recogniser")
    recogniser = Recogniser.restore(saved.tensors, saved.metadata)
    if recogniser is None:
        skip(name, f"{judge} knows no signs: without labels nobody can judge clips")
    store = ClipStore.open(root / "data" / "clips")
    if PromptTokenizer.fit(store.texts("train"), read_settings({}).model.text).vocab_size > VOCABULARY:
        skip(name, f"the contenders' embeddings hold {VOCABULARY} words, the captions have more")
    return store, recogniser


def shape_of(store: ClipStore, quick: bool) -> dict[str, Any]:
    """Keys of params.yaml that make a model for these clips."""
    shape = QUICK if quick else {}
    return shape | {"data.num_frames": store.meta.num_frames, "data.image_size": store.meta.image_size}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="project with data/clips and models/")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, for each contender")
    parser.add_argument("--looks", type=int, default=5, help="examinations, evenly over the run")
    parser.add_argument("--clips-per-sign", type=int, default=4)
    parser.add_argument("--peer-learning-rate", type=float, default=0.0005)
    parser.add_argument(
        "--only", choices=CONTENDERS, action="append", help="run these, again for more; writes no result"
    )
    arguments = parser.parse_args()
    store, recogniser = open_project("time_to_quality", arguments.root)
    quick = arguments.quick
    minutes, looks_of_all = (0.1, 2) if quick else (arguments.minutes, arguments.looks)
    shape = shape_of(store, quick)
    of_peer = {"train.coarse_fraction": 0.0, "train.thin_frames": 1}
    of_peer |= {"train.learning_rate": arguments.peer_learning_rate}
    contenders, missing = [], []
    for name in arguments.only or [name for name in CONTENDERS if not (quick and PEERS[name].is_slow)]:
        is_slow = PEERS[name].is_slow
        changes = shape | ({} if name == "ours" else of_peer) | (OF_A_SLOW_ONE if is_slow else {})
        settings = read_settings(changes | ({"model.preset": "legacy"} if name == "legacy" else {}))
        try:
            PEERS[name].build(settings)
        except ImportError as error:
            missing.append(f"{PEERS[name].title}: left out, {error}; pip install -e '.[bench]'")
            continue
        parts = settings.model, settings.diffusion, settings.train, settings.runtime
        clips_per_sign, looks = (1, 1) if is_slow else (1 if quick else arguments.clips_per_sign, looks_of_all)
        recipe = Recipe.make(*parts, store)
        contenders.append(Contender(name, settings, recipe, recogniser, clips_per_sign, looks, PEERS[name].build))
    rows: list[dict[str, Any]] = []
    for contender, num_steps in zip(contenders, steps_for(contenders, minutes, 2 if quick else 5), strict=True):
        rows += race(contender, num_steps)
        print(rows[-1], file=sys.stderr)
    if not is_trial(arguments):
        plot(rows)
    curves = {each.name: [row for row in rows if row["contender"] == each.name] for each in contenders}
    reached = {
        name: time_to(GOAL_TOP1, [(row["training, s"], row["top-1"]) for row in curve])
        for name, curve in curves.items()
    }
    pace = paces(curves)
    findings = [finding(f"{name}: training seconds to top-1 {GOAL_TOP1}", s) for name, s in reached.items()]
    if {"ours", "latte"} <= pace.keys():
        ratio = pace["ours"] / pace["latte"]
        findings.append(finding("our training step over Latte's, each as it is trained", ratio, at_least=10))
    content = {
        "settings": {"minutes": minutes, "looks": looks_of_all, "clips_per_sign": arguments.clips_per_sign,
                     "peer_learning_rate": arguments.peer_learning_rate},
        "findings": findings,
        "tables": {"Examinations": rows},
        "notes": [*missing, "![Quality over training time](../benchmarks/results/time_to_quality.png)"],
    }  # fmt: skip
    record("time_to_quality", content, is_trial(arguments))


if __name__ == "__main__":
    main()
