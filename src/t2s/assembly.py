"""Chooses and joins the parts of a training: clips, tokenizer, ViViT, objective, validation, samples."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from t2s.checkpoint import save_checkpoint
from t2s.clips import Clips, carried
from t2s.data.clips import ClipStore
from t2s.diffusion.baselines import TrainMoments
from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.schedule import Schedule, make_schedule
from t2s.errors import UserError
from t2s.fingerprint import fingerprint
from t2s.model_metadata import model_metadata, network_config
from t2s.models.config import ClipShape, ModelConfig, misfits, rank_bottleneck
from t2s.models.text import PromptTokenizer, TextEncoder, identity
from t2s.models.vivit import ViViT
from t2s.presets import apply_preset
from t2s.provenance import git_revision, project_root, run_tags, software_version
from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import Tracker, open_tracker
from t2s.training.config import TrainConfig
from t2s.training.loader import Batch, StepBatches, make_loader
from t2s.training.loop import Training
from t2s.training.objective import Objective
from t2s.training.state import BEST, RunState
from t2s.training.validation import Validation, ValidationSet
from t2s.training_sheets import sheet_drawer
from t2s.warm_start import WarmStart

logger = logging.getLogger(__name__)

# The code that decides the weights.
ROOMS = (
    "models", "diffusion/config.py", "diffusion/loss.py", "diffusion/noise.py", "diffusion/prediction.py",
    "diffusion/schedule.py", "diffusion/weighting.py", "training", "thinned.py", "assembly.py",
    "processes.py", "presets.py", "precision.py", "data/clips.py", "warm_start.py",
)  # fmt: skip
SHEET_PROMPTS = 8  # rows of the contact sheet drawn during training
SHEET_STEPS = 10
MOMENT_CLIPS = 1024  # their mean is known well enough


@dataclass(frozen=True)
class Recipe:
    """The sections that decide what is trained, with the preset applied, and the clips it is trained on."""

    model: ModelConfig
    diffusion: DiffusionConfig
    train: TrainConfig
    runtime: RuntimeConfig
    store: ClipStore
    text_encoder: TextEncoder | None = None
    warm_start: WarmStart | None = None

    @classmethod
    def make(
        cls, model: ModelConfig, diffusion: DiffusionConfig, train: TrainConfig, runtime: RuntimeConfig,
        store: ClipStore, text_encoder: TextEncoder | None = None,
    ) -> "Recipe":  # fmt: skip
        """Apply the preset and check what no single section can. `text_encoder`: in place of ours.

        Raises:
            UserError: no train clips, a model that does not fit them, or a train.init that does not fit the model.
        """
        model, train = apply_preset(model, train)
        clip = store.meta
        if problems := misfits(model, train.coarse_fraction, train.thin_frames, clip.image_size, clip.num_frames):
            raise UserError("params.yaml: " + "; ".join(problems))
        if not store.indices("train"):
            raise UserError(f"{store.folder}: no clip is in the train split; check data.split_key and the manifest")
        if warning := rank_bottleneck(model, diffusion.prediction_type):
            logger.warning(warning)
        start = None if train.init is None else WarmStart.read(Path(train.init))
        recipe = cls(model, diffusion, train, runtime, store, text_encoder, start)
        if start is not None:
            start.require_same_network(
                network_config(model, diffusion, recipe.clip, train.temporal_weight, text_encoder)
            )
        return recipe

    @property
    def fingerprinted(self) -> dict[str, Any]:
        """What, beside the data and the code, decides the weights.

        Keys that do not are left out: who runs out of memory, or forgives bad steps, goes on from the last good state.
        """
        decided: dict[str, Any] = {
            "model": self.model.decided(),
            "diffusion": self.diffusion.model_dump(mode="json"),
            "train": self.train.decided(),
        }
        if (own := identity(self.text_encoder)) is not None:
            decided["text_encoder"] = own
        if self.warm_start is not None:
            decided["init"] = self.warm_start.digest
        return decided

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that decides the weights, the machine aside."""
        return fingerprint(self.fingerprinted, self.store.learned_digest, ROOMS)

    @property
    def clip(self) -> ClipShape:
        """The shape of the clips; they are played back at the median rate of the train clips."""
        meta = self.store.meta
        fps = median(self.store.records[i].fps for i in self.store.indices("train"))  # real clips' rates may differ
        return ClipShape(num_frames=meta.num_frames, image_size=meta.image_size, fps=fps)

    def tokenizer(self) -> PromptTokenizer:
        """Fitted on the train captions."""
        return PromptTokenizer.fit(set(self.store.texts("train")), self.model.text)

    def denoiser(self, tokenizer: PromptTokenizer) -> ViViT:
        """The ViViT, seededly initialised, or with the weights of train.init.

        Raises:
            UserError: these do not fit.
        """
        torch.manual_seed(self.train.seed)
        denoiser = ViViT(
            self.model,
            self.clip,
            vocab_size=tokenizer.vocab_size,
            temporal_weight=self.train.temporal_weight,
            alphas_cumprod=make_schedule(self.diffusion).alphas_cumprod,
            prediction_type=self.diffusion.prediction_type,
            text_encoder=self.text_encoder,
        )
        if self.warm_start is not None:
            self.warm_start.copy_into(denoiser, tokenizer)
        return denoiser

    def checkpoint_metadata(self, tokenizer: PromptTokenizer, fingerprint: str) -> dict[str, Any]:
        """What a checkpoint says of itself (the step, epoch and MLflow run are added by who knows them)."""
        source, start = self.store.meta.source, self.warm_start
        return model_metadata(
            self.model, self.diffusion, self.clip, self.train.temporal_weight, tokenizer, self.store.texts("train"),
            self.text_encoder,
            lexical=self.store.names_signs,
            fingerprint=fingerprint,
            data_digest=self.store.digest,
            learned_digest=self.store.learned_digest,
            git_revision=git_revision(),
            software_version=software_version(),
            licence=source["licence"] if start is None else start.licence_with(source["licence"]),
            language=source["language"],
            params=self.fingerprinted,
            **({} if start is None else {"init": start.origin}),
        )  # fmt: skip


@contextmanager
def tracked(state: RunState, runtime: RuntimeConfig, config: Mapping[str, Any]) -> Iterator[Tracker]:
    """The MLflow run of a training, ended as FINISHED, FAILED (a user's error) or KILLED (anything else)."""
    tags = run_tags(state.fingerprint)
    tracker = open_tracker(project_root(), runtime.experiment, state.tracking_buffer, tags=tags)
    status = "KILLED"
    try:
        tracker.log_params(config)
        yield tracker
        status = "FINISHED"
    except UserError:
        status = "FAILED"
        raise
    finally:
        tracker.finish(status)


def make_training(
    recipe: Recipe, tokenizer: PromptTokenizer, accelerator: Accelerator, state: RunState | None, tracker: Tracker,
    sheets: Path, about: Mapping[str, Any],
) -> Training:  # fmt: skip
    """All parts joined; contact sheets of the samples go to `sheets` and carry what is known `about` the checkpoint."""
    schedule = make_schedule(recipe.diffusion).to(accelerator.device)
    model = recipe.denoiser(tokenizer)
    train_indices = recipe.store.indices("train")
    config, kind = recipe.train, recipe.diffusion.prediction_type

    def batches_from(step: int) -> DataLoader[Batch]:
        batches = StepBatches(
            Reader.of(recipe.store, train_indices, tokenizer),
            num_clips=len(train_indices),
            seed=config.seed,
            batch_size=config.batch_size,
            first_step=step,
            num_steps=config.num_steps(len(train_indices)),
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
        )
        return make_loader(batches, recipe.runtime.num_workers, pin_memory=accelerator.device.type == "cuda")

    def keep_best(weights: dict[str, Tensor], step: int, epoch: int) -> None:
        if state is not None:
            facts = {"step": step, "epoch": epoch, "mlflow_run_id": tracker.run_id}
            save_checkpoint(state.folder / BEST, weights, {**about, **facts})

    held_out = validation_set(recipe, tokenizer, accelerator.device)
    return Training(
        denoiser=model,
        objective=Objective(schedule, kind, config),
        batches_from=batches_from,
        num_clips=len(train_indices),
        coarse_pool=recipe.model.input_pool,
        validation=Validation(held_out, schedule, kind, config.validation, config.batch_size, lambda: moments(recipe)),
        config=config,
        runtime=recipe.runtime,
        accelerator=accelerator,
        state=state,
        tracker=tracker,
        on_samples=draw_sheets(recipe, tokenizer, schedule, held_out.clips, sheets, tracker, about),
        after_step=model.clamp_output_scale,
        facts=lambda: {} if model.output_scale is None else {"output_scale": model.output_scale.item()},
        on_best=keep_best,
    )


def moments(recipe: Recipe) -> TrainMoments:
    """What trivial guesses may know, of at most `MOMENT_CLIPS` of the train clips, drawn by the seed."""
    indices = recipe.store.indices("train")
    count = min(MOMENT_CLIPS, len(indices))
    drawn = np.sort(np.random.default_rng(recipe.train.seed).choice(indices, size=count, replace=False)).tolist()
    return TrainMoments.of(recipe.store.batch(drawn[at : at + 32]) for at in range(0, count, 32))


@dataclass(frozen=True)
class Reader:
    """Clip numbers of a split → tensors. A class, not a closure: it travels to the loader's worker processes."""

    store: ClipStore
    indices: list[int]
    prompt_ids: Tensor

    @classmethod
    def of(cls, store: ClipStore, indices: list[int], tokenizer: PromptTokenizer) -> "Reader":
        """The clips at `indices`, their captions encoded once."""
        return cls(store, indices, tokenizer.encode([store.records[i].text for i in indices]))

    def __call__(self, numbers: list[int]) -> tuple[Tensor, Tensor, list[str]]:
        chosen = [self.indices[number] for number in numbers]
        clips = torch.from_numpy(self.store.batch(chosen))
        return clips, self.prompt_ids[numbers], [self.store.records[i].clip_id for i in chosen]


def validation_set(recipe: Recipe, tokenizer: PromptTokenizer, device: torch.device) -> ValidationSet:
    """Seeded clips of the split that the store is validated on."""
    store = recipe.store
    pool = store.indices(store.validation_split)
    count = min(recipe.train.validation.num_clips, len(pool))
    chosen = sorted(np.random.default_rng(recipe.train.seed).choice(pool, size=count, replace=False).tolist())
    texts = [store.records[i].text for i in chosen]
    prompt_ids = tokenizer.encode(texts)
    return ValidationSet(
        torch.from_numpy(store.batch(chosen)).to(device),
        prompt_ids.to(device),
        prompt_ids[other_prompts(texts)].to(device),
    )


def other_prompts(texts: list[str]) -> list[int]:
    """For each text the place of one that differs from it, found by the shortest turn of the list that gives one."""
    return [
        next(((i + turn) % len(texts) for turn in range(1, len(texts)) if texts[(i + turn) % len(texts)] != text), i)
        for i, text in enumerate(texts)
    ]


def draw_sheets(
    recipe: Recipe, tokenizer: PromptTokenizer, schedule: Schedule, real: Tensor, sheets: Path, tracker: Tracker,
    about: Mapping[str, Any],
) -> Callable[[nn.Module, int], dict[str, float]]:  # fmt: skip
    """A hook that draws samples at an epoch, writes their contact sheet and measures their noisiness."""
    prompts = sorted(set(recipe.store.texts("train")))[:SHEET_PROMPTS]
    clip, seeds = recipe.clip, [recipe.train.seed + row for row in range(len(prompts))]

    def show(made: Tensor, epoch: int) -> None:
        origin = carried({**about, "mlflow_run_id": tracker.run_id})  # the run exists once the server has answered
        facts = {"prompt": ", ".join(prompts), "epoch": epoch, **origin}
        path = sheets / f"epoch-{epoch:03d}.png"
        Clips.from_model(made, clip.fps, facts, seeds).save_sheet(path, captions=prompts)
        tracker.log_artifact(path, "samples")

    kind = recipe.diffusion.prediction_type
    return sheet_drawer(tokenizer.encode(prompts), seeds, clip.shape, schedule, kind, real, SHEET_STEPS, show)
