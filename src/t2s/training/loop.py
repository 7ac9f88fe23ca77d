"""The training loop. It receives a module and an iterable and knows neither models nor data sets."""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import SilentTracker, Tracker
from t2s.training.compilation import compiled
from t2s.training.config import TrainConfig
from t2s.training.ema import EMA
from t2s.training.history import History, Row
from t2s.training.interrupt import InterruptRequest, stop_told
from t2s.training.loader import Batch
from t2s.training.look import Measure, look
from t2s.training.monitor import Flag, check, monitor_tags, raised
from t2s.training.objective import Noised, Objective
from t2s.training.optimizer import learning_rate, make_optimizers, set_learning_rate
from t2s.training.randomness import step_generator
from t2s.training.share import from_main_process, is_anyone, prepared_by_main, require_equal_shares, told_by_main
from t2s.training.snapshot import capture, restore
from t2s.training.state import RunState
from t2s.training.validation import Validation

logger = logging.getLogger(__name__)

LOG_EVERY_STEPS = 20

# Draws samples with the averaged weights after an epoch and returns metrics of them (noisiness).
SampleHook = Callable[[nn.Module, int], dict[str, float]]
# Is given the averaged weights, step and epoch of the best validation so far.
BestHook = Callable[[dict[str, Tensor], int, int], None]


@dataclass
class Training:
    """All the parts of one training. With several processes only the main one has a `state` and a real `tracker`."""

    denoiser: nn.Module
    objective: Objective
    batches_from: Callable[[int], Iterable[Batch]]  # the batches from this step on
    num_clips: int
    coarse_pool: int  # pixels averaged in the first, coarse share of the run; in thinned steps for the trunk
    validation: Validation
    config: TrainConfig
    runtime: RuntimeConfig
    accelerator: Accelerator
    state: RunState | None = None  # None: nothing is saved on the way
    tracker: Tracker = field(default_factory=SilentTracker)
    on_samples: SampleHook = lambda denoiser, epoch: {}
    after_step: Callable[[], None] = lambda: None  # e.g. ViViT.clamp_output_scale
    facts: Callable[[], dict[str, float]] = dict  # what to note of the model itself each epoch, e.g. output_scale
    on_best: BestHook = lambda weights, step, epoch: None

    @property
    def num_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.config.num_steps(self.num_clips)

    @property
    def coarse_steps(self) -> int:
        """Steps of the first share of the run, in which the model sees and makes coarse clips."""
        return round(self.config.coarse_fraction * self.num_steps)


@dataclass(frozen=True)
class TrainResult:
    """What a finished training leaves. `weights`: the averaged ones, by parameter name."""

    weights: dict[str, Tensor]
    history: History
    flags: list[Flag]
    num_steps: int
    seconds: float
    clips_per_s: float


def train(training: Training) -> TrainResult:
    """Train to the end, from wherever the state stands. The number of processes changes no more than rounding.

    Raises:
        UserError: a loss or gradient that is not finite, beyond the steps train.max_skipped_steps forgives; or a batch
            that cannot be shared equally between processes and micro-batches.
        Interrupted: SIGTERM or Ctrl-C; the state is written first.
    """
    run, state = _Run(training), training.state
    with stop_told(lambda: run.step, training.num_steps, lambda: state.newest_step() if state else None):
        return run.run()


class _Run:
    """One process's walk through the steps."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.config = training.config
        self.accelerator = training.accelerator
        self.device = self.accelerator.device
        require_equal_shares(self.config.batch_size, self.config.accumulation, self.accelerator)
        self.raw = training.denoiser.to(self.device)
        self.optimizers = make_optimizers(self.raw, self.config)
        self.ema = EMA(self.raw, self.config.ema_decay)
        self.history = History()
        self.step, seconds = self._restore()
        network = compiled(self.raw, self.device, self.config.thin_frames) if self.config.compile else self.raw
        self.denoiser = self.accelerator.prepare(network)
        self.started = time.perf_counter() - seconds  # as if this process had made all steps
        self.last_saved = time.monotonic()
        self.flags: list[Flag] = check(self.history.rows, self.config.monitor)
        self.interrupt = InterruptRequest()

    def run(self) -> TrainResult:
        training, num_steps = self.training, self.training.num_steps
        bar = tqdm(
            total=num_steps,
            initial=self.step,
            desc="train",
            unit="step",
            disable=not (sys.stderr.isatty() and self.accelerator.is_main_process),
        )
        self.denoiser.train()
        with self.interrupt, bar:
            if self.step == 0:
                self._save()
            elif self._owes_epoch():
                self._close_epoch()
            self._leave_if_asked()
            self.interrupt.at_once = self.accelerator.num_processes == 1  # all is saved, and the first step may compile
            for batch in self.interrupt.read(training.batches_from(self.step)):
                loss = self._learn(batch)
                self.step += 1
                self.interrupt.at_once = False
                bar.update()
                if self.step % LOG_EVERY_STEPS == 0:
                    bar.set_postfix(loss=f"{loss:.4f}", clips_per_s=f"{self._clips_per_s():.1f}")
                if self._ends_epoch():
                    self._close_epoch()
                self._leave_if_asked()
                if self._is_save_due():
                    self._save()
            self._save()
            if self.step < num_steps:
                self.interrupt.leave()
        weights, seconds = self.ema.averaged(self.raw), self._seconds()
        return TrainResult(weights, self.history, self.flags, num_steps, seconds, self._clips_per_s())

    def _learn(self, batch: Batch) -> float:
        """One optimizer step; returns the loss."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        generator = step_generator(self.config.seed, batch.step, self.device)
        batch = batch.to(self.device)
        frames = self._full_size_frames(batch.step)
        pool = self.training.coarse_pool if batch.step < self.training.coarse_steps or frames else 1
        noised = self.training.objective.noised(batch.clips, batch.prompt_ids, generator, rank, world, pool, frames)
        rate = learning_rate(self.config, batch.step, self.training.num_steps)
        set_learning_rate(self.optimizers, rate)
        mean_loss, x0_mse, t = self._backward(noised)
        total_norm = nn.utils.clip_grad_norm_(self.raw.parameters(), self.config.gradient_clip)
        thirds = (3 * t // self.training.objective.schedule.num_timesteps).clamp(max=2)
        # Read together, before the optimizer's many small kernels: one process waits for its GPU once a step.
        numbers: list[float] = torch.cat([mean_loss.view(1), total_norm.view(1), x0_mse, thirds]).tolist()
        loss, norm, errors, in_thirds = numbers[0], numbers[1], numbers[2 : 2 + len(t)], numbers[2 + len(t) :]
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.history.skip(batch.step, batch.clip_ids, loss, norm, allowed=self.config.max_skipped_steps)
        else:
            for optimizer in self.optimizers:
                optimizer.step()
            self.training.after_step()
            self.ema.update(batch.step)
            self.history.note(loss, norm, errors, [int(third) for third in in_thirds])
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if batch.step % LOG_EVERY_STEPS == 0:
            told = {"train/loss": loss, "train/gradient_norm": norm, "train/learning_rate": rate}
            self.training.tracker.log_metrics(told, step=batch.step)
        return loss

    def _full_size_frames(self, step: int) -> slice | None:
        """Which frames this step sees at full size; None: all of them."""
        every = self.config.thin_frames
        return None if every == 1 or step < self.training.coarse_steps else slice(step % every, None, every)

    def _backward(self, noised: Noised) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of the mean loss over the global batch, in micro-batches.

        Returns (mean loss (), x0-error per clip (B,), its timestep (B,)), of the clips of all processes.
        """
        parts = self.config.accumulation
        size = len(noised.t) // parts
        total, errors = torch.zeros((), device=self.device), []
        for part in range(parts):
            micro = noised.part(slice(part * size, (part + 1) * size))
            is_last = part == parts - 1  # processes exchange gradients once a step
            with nullcontext() if is_last else self.accelerator.no_sync(self.denoiser):
                with self.accelerator.autocast():
                    losses, x0_mse = self.training.objective(self.denoiser, micro)
                mean = losses.mean() / parts
                self.accelerator.backward(mean)
            total += mean.detach()
            errors.append(x0_mse)
        mean_loss: Tensor = self.accelerator.reduce(total, reduction="mean")
        x0_mse, t = self.accelerator.gather((torch.cat(errors), noised.t))
        return mean_loss, x0_mse, t

    def _leave_if_asked(self) -> None:
        """Write the state and leave, all processes after the same step, when a signal came to any of them."""
        if is_anyone(self.interrupt.is_asked(), self.accelerator):
            self._save()
            self.accelerator.wait_for_everyone()  # a launcher ends all processes as soon as one has left
            self.interrupt.leave()

    def _ends_epoch(self) -> bool:
        """Whether the step just made was the last one that starts in its epoch."""
        return self._epochs(self.step) > self._epochs(self.step - 1)

    def _owes_epoch(self) -> bool:
        """Whether the restored state is one of an epoch's end at which a signal cut the look at the model."""
        closed = self.history.rows[-1]["step"] if self.history.rows else 0
        return self._ends_epoch() and closed < self.step

    def _epochs(self, step: int) -> int:
        if step == self.training.num_steps:
            return self.config.epochs
        return step * self.config.batch_size // self.training.num_clips

    def _close_epoch(self) -> None:
        """Validation, samples, row and flags of the epoch that ended.

        Where a signal cuts it, nothing has changed: the resumed run closes the epoch.
        """
        training, history, epoch = self.training, self.history, self._epochs(self.step)
        measured = told_by_main(lambda: self._look(epoch), self.accelerator)
        if measured is None:
            return
        rate = learning_rate(self.config, self.step - 1, training.num_steps)
        row = history.close_epoch(epoch, self.step, rate, training.facts() | measured)
        if measured:
            history.require_finite()  # on all processes alike: they stop together
        if history.is_best:
            prepared_by_main(lambda: training.on_best(self.ema.averaged(self.raw), self.step, epoch), self.accelerator)
        before, self.flags = self.flags, check(history.rows, self.config.monitor)
        for flag in raised(self.flags, before):
            if self.accelerator.is_main_process:
                logger.warning("%s flag, epoch %d: %s. %s", flag.level, epoch, flag.message, flag.advice)
        training.tracker.log_metrics({f"epoch/{key}": value for key, value in row.items()}, step=self.step)
        training.tracker.set_tags(monitor_tags(self.flags, before, epoch))

    def _look(self, epoch: int) -> Row | None:
        """What is due to be measured after this epoch; None: cut by a signal."""
        training, is_last = self.training, epoch == self.config.epochs
        measures: list[Measure] = []
        if epoch % self.config.validation.every_epochs == 0 or is_last:
            measures.append(training.validation)
        if epoch in self.config.sample_epochs or is_last:
            measures.append(lambda model: training.on_samples(model, epoch))
        return look(self.raw, self.ema, self.accelerator, measures, self.interrupt.is_asked) if measures else {}

    def _is_save_due(self) -> bool:
        due = time.monotonic() - self.last_saved >= self.training.runtime.checkpoint_every_s
        return due and self.accelerator.is_main_process

    def _save(self) -> None:
        """Write everything the run needs to go on from here."""
        state = self.training.state
        if state is None or not self.accelerator.is_main_process:
            return
        tensors, metadata = capture(self.raw, self.ema, self.optimizers, self.history)
        told = {"mlflow_run_id": self.training.tracker.run_id, "seconds": self._seconds()}
        state.save(self.step, tensors, metadata | told | {"num_steps": self.training.num_steps})
        self.last_saved = time.monotonic()

    def _restore(self) -> tuple[int, float]:
        """Load the newest state, if any; returns the number of steps already made and the seconds they took."""
        state = self.training.state
        latest = prepared_by_main(lambda: state.latest() if state else None, self.accelerator)
        found = from_main_process(latest, self.accelerator)
        if found is None:
            return 0, 0.0
        self.history = restore(found, self.raw, self.ema, self.optimizers)
        step = int(found.metadata["step"])
        logger.info("going on from step %d of %d", step, self.training.num_steps)
        return step, float(found.metadata["seconds"])

    def _seconds(self) -> float:
        """Spent on the steps made so far, by all processes that had a part in them."""
        return time.perf_counter() - self.started

    def _clips_per_s(self) -> float:
        return self.step * self.config.batch_size / max(self._seconds(), 1e-9)
