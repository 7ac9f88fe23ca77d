"""A whole training of a second: three prompts, each a square that moves its own way, 4 frames of 8×8 pixels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from t2s.diffusion.baselines import TrainMoments
from t2s.diffusion.schedule import make_schedule
from t2s.models.config import ClipShape
from t2s.models.vivit import ViViT
from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import SilentTracker
from t2s.training.loader import StepBatches
from t2s.training.loop import Training, TrainResult, train
from t2s.training.objective import Objective
from t2s.training.state import RunState
from t2s.training.validation import Validation, ValidationSet

NUM_CLIPS, VOCABULARY = 12, 8


def moving_squares(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """(clips (count, 3, 4, 8, 8) in [-1, 1], prompt_ids (count, 4)): prompt 2, 3 or 4 decides where the square goes."""
    generator = torch.Generator().manual_seed(seed)
    clips, ids = torch.full((count, 3, 4, 8, 8), -0.8), torch.zeros(count, 4, dtype=torch.int64)
    for i in range(count):
        colour = 0.5 + 0.5 * torch.rand(3, 1, 1, generator=generator)
        for frame in range(4):
            row, column = [(2 * frame, 1), (1, 2 * frame), (5, 6 - 2 * frame)][i % 3]
            clips[i, :, frame, row : row + 2, column : column + 2] = colour
        ids[i, 0] = 2 + i % 3
    return clips, ids


class Recorder(SilentTracker):
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.metrics: list[tuple[int, dict[str, float]]] = []
        self.tags: dict[str, str] = {}

    def log_metrics(self, metrics: Any, step: int) -> None:
        self.metrics.append((step, dict(metrics)))

    def set_tags(self, tags: Any) -> None:
        self.tags |= tags


@dataclass
class Lab:
    """Makes trainings. `clips` and `prompt_ids` may be replaced to spoil the data."""

    root: Path
    model_config: Callable[..., Any]
    diffusion_config: Callable[..., Any]
    train_config: Callable[..., Any]
    runtime: dict[str, Any]
    clips: Tensor
    prompt_ids: Tensor

    def training(
        self,
        state: RunState | None = None,
        *,
        model: dict[str, Any] | None = None,
        diffusion: dict[str, Any] | None = None,
        runtime: dict[str, Any] | None = None,
        **train_changes: Any,
    ) -> Training:
        config = self.train_config(**train_changes)
        diffusion_config = self.diffusion_config(**(diffusion or {}))
        schedule, kind = make_schedule(diffusion_config), diffusion_config.prediction_type
        torch.manual_seed(config.seed)
        model_config = self.model_config(**(model or {}))
        denoiser = ViViT(
            model_config,
            ClipShape(num_frames=4, image_size=8, fps=8.0),
            vocab_size=VOCABULARY,
            temporal_weight=config.temporal_weight,
            alphas_cumprod=schedule.alphas_cumprod,
            prediction_type=kind,
        )
        accelerator = Accelerator(cpu=True)
        held_out, ids = moving_squares(6, seed=99)
        training = Training(
            denoiser=denoiser,
            objective=Objective(schedule, kind, config),
            batches_from=lambda step: StepBatches(
                self.read,
                num_clips=len(self.clips),
                seed=config.seed,
                batch_size=config.batch_size,
                first_step=step,
                num_steps=training.num_steps,
                rank=accelerator.process_index,
                world_size=accelerator.num_processes,
            ),
            num_clips=len(self.clips),
            coarse_pool=model_config.input_pool,
            validation=Validation(
                ValidationSet(held_out, ids, ids.roll(1, 0)),
                schedule,
                kind,
                config.validation,
                6,
                lambda: TrainMoments.of([held_out.numpy()]),
            ),
            config=config,
            runtime=RuntimeConfig.model_validate(self.runtime | (runtime or {})),
            accelerator=accelerator,
            state=state,
            tracker=Recorder(),
            on_samples=lambda denoiser, epoch: {"noisiness": 1.0},
            after_step=denoiser.clamp_output_scale,
            facts=lambda: {} if denoiser.output_scale is None else {"output_scale": denoiser.output_scale.item()},
            on_best=lambda weights, step, epoch: None,
        )
        return training

    def read(self, numbers: list[int]) -> tuple[Tensor, Tensor, list[str]]:
        return self.clips[numbers], self.prompt_ids[numbers], [f"clip-{number}" for number in numbers]

    def run(self, state: RunState | None = None, **changes: Any) -> TrainResult:
        return train(self.training(state, **changes))

    def open_state(self, name: str = "0123456789abcdef", **options: Any) -> RunState:
        return RunState.open(self.root, name, {"of": name}, **options)

    def stopped_after(self, training: Training, step: int, stop: Callable[[], None]) -> Training:
        """The same training, in which `stop` is called while batch number `step` is fetched."""

        def batches_from(first: int) -> Iterator[Any]:
            for batch in training.batches_from(first):
                if batch.step == step:
                    stop()
                yield batch

        return replace(training, batches_from=batches_from)


@pytest.fixture
def lab(tmp_path: Path, make_model_config, make_diffusion_config, make_train_config, tiny_section) -> Lab:
    clips, prompt_ids = moving_squares(NUM_CLIPS, seed=0)
    return Lab(
        tmp_path,
        make_model_config,
        make_diffusion_config,
        make_train_config,
        tiny_section("runtime"),
        clips,
        prompt_ids,
    )


@pytest.fixture
def moving_clips() -> Callable[[int, int], tuple[Tensor, Tensor]]:
    """`moving_clips(count, seed)`, see `moving_squares`."""
    return moving_squares
