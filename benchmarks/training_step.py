"""Clips per second of the real training loop, and which share of the machine's own matmul peak that is.

    python benchmarks/training_step.py
    python benchmarks/training_step.py --preset presets/gpu.yaml

Both phases of the default run are measured, the coarse one and the one at full resolution, in bf16, in bf16 compiled
and in fp32, round by round with the matmul peak in the same precision beside them. A second run of the loop with clocks
in its parts gives the time shares. FLOPs: matrix products, attention and convolutions of objective, forward and
backward, counted.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from measure import bench_device, count_flops, forget_peak, matmul_peak, peak_memory_mib, synchronize
from results import finding, make_parser, record
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from workload import QUICK, clip_shape, random_recipe, read_settings, silent_training

from t2s.assembly import Recipe
from t2s.precision import resolve_precision
from t2s.settings import Settings
from t2s.tracking.tracker import Tracker
from t2s.training.compilation import find_compiler
from t2s.training.ema import EMA
from t2s.training.loader import Batch
from t2s.training.loop import Training, train
from t2s.training.objective import Objective

BATCHES_STORED = 4
ALMOST_ALL = 0.9999  # coarse_fraction of a run that is coarse to its last step
GOAL_FRACTION = {"cpu": 0.5, "cuda": 0.4}  # of the bf16 peak (issue "Fast, and further than one machine")


class Clock:
    """Seconds that each part of each step took; `starts` holds the moments at which steps asked for their batch."""

    def __init__(self, inside: bool) -> None:
        self.inside = inside  # whether to look into the steps, which costs a synchronisation per part on a GPU
        self.starts: list[float] = []
        self.parts: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self._began = 0.0

    def begin(self, *_: object) -> None:
        synchronize()
        self._began = time.perf_counter()

    def end(self, part: str) -> None:
        synchronize()
        self.parts[part][len(self.starts) - 1] += time.perf_counter() - self._began

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            self.begin()
            result = call(*arguments, **named)
            self.end(part)
            return result

        return run if self.inside else call

    def batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        iterator = iter(batches)
        while True:
            self.starts.append(time.perf_counter())
            batch = self.timed("loader wait", next)(iterator, None)
            if batch is None:
                return
            yield batch

    def step_s(self, warmup: int) -> list[float]:
        """Durations of the steps after the first `warmup`, without the last one, which closes the run."""
        ends = self.starts[1:-1]
        return [end - start for start, end in zip(self.starts, ends, strict=False)][warmup:]

    def shares(self, warmup: int) -> dict[str, float]:
        """Each part's share of all step time, the remainder as `rest`."""
        steps = range(warmup, len(self.starts) - 2)
        total = sum(self.step_s(warmup))
        found = {part: sum(seconds[i] for i in steps) / total for part, seconds in self.parts.items()}
        return found | {"rest": 1 - sum(found.values())}


class TimedObjective:
    """The objective with a clock round drawing the noise and round the forward pass."""

    def __init__(self, objective: Objective, clock: Clock) -> None:
        self.schedule = objective.schedule
        self.noised = clock.timed("noise", objective.noised)
        self._loss = clock.timed("forward and loss", objective)

    def __call__(self, *arguments: Any) -> Any:
        return self._loss(*arguments)


def run_loop(
    recipe: Recipe,
    num_steps: int,
    inside: bool,
    denoiser: nn.Module | None = None,
    tracker: Tracker | None = None,
) -> Clock:
    """Train about `num_steps` steps of `denoiser`, or else of our model, with the loop of the train stage.

    An epoch is BATCHES_STORED batches here, however many clips the recipe holds.
    """
    clock = Clock(inside)
    epochs = -(-num_steps // BATCHES_STORED)
    validation = recipe.train.validation.model_copy(update={"every_epochs": epochs})
    changes = {"epochs": epochs, "sample_epochs": [], "validation": validation}
    training = silent_training(replace(recipe, train=recipe.train.model_copy(update=changes)))
    if tracker is not None:
        training = replace(training, tracker=tracker)
    if denoiser is not None:
        training = replace(training, denoiser=denoiser, after_step=lambda: None, facts=dict)
    whole: Training = replace(
        training,
        objective=TimedObjective(training.objective, clock),
        num_clips=BATCHES_STORED * recipe.train.batch_size,
        batches_from=lambda step: clock.batches(islice(training.batches_from(step), epochs * BATCHES_STORED)),
        validation=lambda denoiser: {},
        on_samples=lambda denoiser, epoch: {},
    )
    whole.accelerator.backward = clock.timed("backward", whole.accelerator.backward)
    hooks = (
        [
            register_optimizer_step_pre_hook(clock.begin),
            register_optimizer_step_post_hook(lambda *_: clock.end("optimizer")),
        ]
        if inside
        else []
    )
    with patch.object(EMA, "update", clock.timed("EMA", EMA.update)):
        train(whole)
    for hook in hooks:
        hook.remove()
    return clock


def flops_per_clip(recipe: Recipe, settings: Settings, pool: int) -> int:
    """Forward and backward of the objective on one clip averaged by `pool`; all clips and frames cost the same."""
    clip, training = clip_shape(settings), silent_training(recipe)
    objective: Objective = training.objective
    x0 = torch.zeros(1, clip.channels, clip.num_frames, clip.image_size, clip.image_size)
    prompt_ids = recipe.tokenizer().encode(["hello"])
    frames = None
    if pool == 1 and recipe.train.thin_frames > 1:
        frames, pool = slice(0, None, recipe.train.thin_frames), training.coarse_pool
    noised = objective.noised(x0, prompt_ids, torch.Generator().manual_seed(0), pool=pool, frames=frames)
    return count_flops(lambda: objective(training.denoiser, noised)[0].mean().backward())


@dataclass(frozen=True)
class Arm:
    """How the same steps are run."""

    precision: str
    compiled: bool

    def __str__(self) -> str:
        return f"{self.precision}, compiled" if self.compiled else self.precision

    def recipe(self, recipe: Recipe, phase: str) -> Recipe:
        """The recipe's run in this arm, in one phase from first step to last."""
        coarse = ALMOST_ALL if phase == "coarse" else 0.0
        changes = {"precision": self.precision, "compile": self.compiled, "coarse_fraction": coarse}
        return replace(recipe, train=recipe.train.model_copy(update=changes))


def arms_on(device: torch.device) -> list[Arm]:
    """The best precision as it is and, where there is a compiler, compiled; then fp32."""
    best = resolve_precision("auto", device)
    arms = [Arm(best, False), *([Arm(best, True)] if find_compiler(device) else [])]
    return arms if best == "fp32" else [*arms, Arm("fp32", False)]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--preset", type=Path, help="dotted keys on top of params.yaml, e.g. presets/gpu.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="measured steps of each run of the loop")
    arguments = parser.parse_args()
    device = bench_device()
    rounds, num_steps, warmup = (1, 6, 2) if arguments.quick else (arguments.rounds, arguments.steps, 8)
    settings = read_settings(QUICK if arguments.quick else {}, arguments.preset)
    arms = [arm for arm in arms_on(device) if not (arm.compiled and arguments.quick)]
    batch, coarse_share = settings.train.batch_size, settings.train.coarse_fraction
    phases = {"full": 1, **({"coarse": settings.model.input_pool} if coarse_share > 0 else {})}
    seconds: dict[tuple[Arm, str], list[float]] = defaultdict(list)
    fractions: dict[tuple[Arm, str], list[float]] = defaultdict(list)
    peaks: dict[str, list[float]] = defaultdict(list)
    shares: dict[tuple[Arm, str], dict[str, float]] = {}
    memory: dict[tuple[Arm, str], float] = {}
    too_large: set[Arm] = set()
    with random_recipe(settings, BATCHES_STORED * batch) as recipe:
        flops = {phase: flops_per_clip(recipe, settings, pool) for phase, pool in phases.items()}
        for turn in range(rounds):
            for arm in arms:
                peak = matmul_peak(arm.precision, device)
                peaks[arm.precision].append(peak)
                for phase in phases:
                    changed, key = arm.recipe(recipe, phase), (arm, phase)
                    forget_peak()
                    try:
                        step_s = median(run_loop(changed, num_steps + warmup + 2, inside=False).step_s(warmup))
                    except torch.OutOfMemoryError:
                        too_large.add(arm)
                        break
                    memory[key] = peak_memory_mib()
                    seconds[key].append(step_s)
                    fractions[key].append(batch * flops[phase] / step_s / peak)
                    if turn == 0:
                        shares[key] = run_loop(changed, num_steps + warmup + 2, inside=True).shares(warmup)
            arms = [arm for arm in arms if arm not in too_large]
    if not arms:
        sys.exit("error: not one step fits into the GPU's memory; raise train.accumulation in the preset")
    rows = [
        {
            "arm": str(arm),
            "phase": phase,
            "step, ms": 1000 * median(seconds[arm, phase]),
            "clips/s": batch / median(seconds[arm, phase]),
            "GFLOP a clip": flops[phase] / 1e9,
            "of matmul peak": median(fractions[arm, phase]),
            **({"memory, MiB": memory[arm, phase]} if device.type == "cuda" else {}),  # a CPU's peak is the process's
        }
        for arm, phase in seconds
        if arm in arms
    ]
    weight = {"coarse": coarse_share, "full": 1 - coarse_share}

    def over_run(figures: dict[tuple[Arm, str], list[float]], arm: Arm) -> float:
        """The mean of a step's figure over a whole run of both phases."""
        return sum(weight[phase] * median(figures[arm, phase]) for phase in phases)

    mean_flops = sum(weight[phase] * flops[phase] for phase in phases)
    share = {arm: batch * mean_flops / over_run(seconds, arm) / median(peaks[arm.precision]) for arm in arms}
    ours = Arm(arms[0].precision, settings.train.compile)  # what the configuration asks for
    ours = ours if ours in arms else arms[0]  # nothing is compiled in a quick run, or without a compiler
    content = {
        "settings": {"batch_size": batch, "steps": num_steps, "rounds": rounds, "compile": settings.train.compile,
                     "clip": clip_shape(settings).model_dump(), "coarse_fraction": coarse_share},
        "findings": [
            finding(f"share of the {ours.precision} matmul peak, whole run", share[ours],
                    at_least=GOAL_FRACTION[device.type] if ours.precision == "bf16" else None),
            finding(f"clips/s in {ours}, whole run", batch / over_run(seconds, ours)),
            *(finding(f"step time in {ours} over that in {arm}, whole run",
                      over_run(seconds, ours) / over_run(seconds, arm))
              for arm in arms if arm.precision == ours.precision and arm != ours),
            finding("largest share of a step spent waiting for data",
                    max(parts["loader wait"] for parts in shares.values())),
            *(finding(f"matmul peak, {name}, GFLOP/s", median(found) / 1e9) for name, found in peaks.items()),
        ],
        "tables": {
            "Steady state of the loop": rows,
            "Shares of a step": [
                {"arm": str(arm), "phase": f, **parts} for (arm, f), parts in shares.items() if arm in arms
            ],
        },
        "notes": [f"{arm}: does not fit into the GPU's memory." for arm in sorted(map(str, too_large))],
    }  # fmt: skip
    record("training_step_gpu" if arguments.preset else "training_step", content, arguments.quick)


if __name__ == "__main__":
    main()
