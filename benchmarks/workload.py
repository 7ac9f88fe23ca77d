"""What is measured: the project's own configuration, its model, and clips of the right shape to feed it."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.state import AcceleratorState
from measure import forget_peak, peak_memory_mib
from torch import Tensor, nn
from torch.optim import AdamW

from t2s.assembly import Recipe, make_training
from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.guidance import guided
from t2s.diffusion.polish import polished
from t2s.diffusion.prediction import to_x0
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.solvers import sample
from t2s.errors import UserError
from t2s.models.config import ClipShape
from t2s.models.vivit import ViViT
from t2s.paramsfile import load_yaml
from t2s.precision import resolve_precision
from t2s.presets import apply_preset
from t2s.processes import make_accelerator
from t2s.sample_config import SampleConfig
from t2s.settings import Settings
from t2s.signer.lexicon import SIGNS
from t2s.tracking.tracker import SilentTracker
from t2s.training.loop import Training

REPOSITORY = Path(__file__).resolve().parents[1]
PROMPT_LENGTH, VOCABULARY = 8, 64
SOURCE = {"source": "random", "licence": "CC0-1.0", "language": "none"}

# The shape of the default configuration in small, for --quick.
QUICK: dict[str, Any] = {
    "data.num_frames": 8,
    "data.image_size": 32,
    "model.width": 32,
    "model.depth": 1,
    "model.num_heads": 2,
    "train.batch_size": 2,
}


def read_settings(changes: Mapping[str, Any], preset: Path | None = None) -> Settings:
    """params.yaml, then the preset's dotted keys, then `changes`."""
    params = overlaid(load_yaml(REPOSITORY / "params.yaml"), load_yaml(preset) if preset else {})
    return Settings.model_validate(overlaid(params, changes))


def overlaid(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `params` with values at dotted keys, e.g. {"model.width": 64}, replaced.

    Raises:
        UserError: a key that params.yaml does not have.
    """
    copied = deepcopy(dict(params))
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        section: Any = copied
        for key in path:
            section = section.get(key) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            raise UserError(f"params.yaml has no key '{dotted}'; check its spelling")
        section[last] = value
    return copied


def clip_shape(settings: Settings) -> ClipShape:
    return ClipShape(num_frames=settings.data.num_frames, image_size=settings.data.image_size, fps=8.0)


def make_denoiser(settings: Settings) -> ViViT:
    """The model that these settings train, preset applied, on the CPU."""
    model, train = apply_preset(settings.model, settings.train)
    return ViViT(
        model,
        clip_shape(settings),
        vocab_size=VOCABULARY,
        temporal_weight=train.temporal_weight,
        alphas_cumprod=make_schedule(settings.diffusion).alphas_cumprod,
        prediction_type=settings.diffusion.prediction_type,
    )


def random_inputs(settings: Settings, batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """x_t (B, 3, F, H, W), t (B,) and prompt_ids (B, L)."""
    clip = clip_shape(settings)
    x_t = torch.randn(batch, clip.channels, clip.num_frames, clip.image_size, clip.image_size, device=device)
    t = torch.randint(settings.diffusion.num_timesteps, (batch,), device=device)
    return x_t, t, torch.randint(2, VOCABULARY, (batch, PROMPT_LENGTH), device=device)


def sample_as_asked(
    model: nn.Module, how: SampleConfig, diffusion: DiffusionConfig, noise: Tensor, prompt_ids: Tensor
) -> Tensor:
    """Clips like `noise` (B, 3, F, H, W), made as `t2s sample` makes them, by any denoiser."""
    schedule, kind = make_schedule(diffusion), diffusion.prediction_type
    is_bf16 = resolve_precision(how.precision, noise.device) == "bf16"
    with torch.autocast(noise.device.type, torch.bfloat16, enabled=is_bf16):
        made = sample(guided(model, how.guidance_scale, how.guidance_rescale), noise, prompt_ids, schedule=schedule,
                      kind=kind, sampler=how.sampler, num_steps=how.num_steps, to_zero=how.polish > 0)  # fmt: skip
        for _ in range(how.polish):
            made = polished(lambda x, t, ids: to_x0(kind, model(x, t, ids), x, t, schedule), made, prompt_ids, schedule)
    return made


def plain_step(model: nn.Module, inputs: tuple[Tensor, Tensor, Tensor], precision: str) -> Callable[[], object]:
    """One training step that any denoiser can make: MSE toward a fixed clip, backward, clipping, fused AdamW."""
    x_t, t, prompt_ids = inputs
    optimizer = AdamW(model.parameters(), lr=1e-4, fused=True)
    target = torch.zeros_like(x_t)
    model.train()

    def step() -> None:
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = nn.functional.mse_loss(model(x_t, t, prompt_ids).float(), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def idle_memory_mib(device: torch.device) -> float:
    """Peak memory once a small step has loaded and set up all that any step needs: what comes on top is the model's.

    On a GPU that is nothing: the peak is counted anew from here.
    """
    settings = read_settings(QUICK)
    precision = resolve_precision(settings.train.precision, device)
    plain_step(make_denoiser(settings).to(device), random_inputs(settings, 1, device), precision)()
    forget_peak()
    return 0.0 if device.type == "cuda" else peak_memory_mib()


@contextmanager
def random_recipe(settings: Settings, num_clips: int) -> Iterator[Recipe]:
    """A recipe over `num_clips` stored train clips of random pixels: real shards, real reading."""
    with tempfile.TemporaryDirectory(prefix="t2s-bench-") as folder:
        data, random = settings.data, np.random.default_rng(0)
        shape = (data.num_frames, data.image_size, data.image_size, 3)
        with ShardWriter(
            Path(folder) / "clips",
            num_frames=data.num_frames,
            image_size=data.image_size,
            clips_per_shard=data.clips_per_shard,
            source=SOURCE,
        ) as writer:
            for i in range(num_clips):
                sign = SIGNS[i % len(SIGNS)].text
                writer.add(
                    random.integers(0, 256, shape, dtype=np.uint8), clip_id=f"clip-{i}", text=sign, sign=sign,
                    signer=f"s{i}", split="train", fps=8.0, source_frames=data.num_frames, licence="CC0-1.0",
                )  # fmt: skip
        store = ClipStore.open(Path(folder) / "clips")
        yield Recipe.make(settings.model, settings.diffusion, settings.train, settings.runtime, store)


def silent_training(recipe: Recipe) -> Training:
    """A training of the recipe that keeps no state and tells nobody."""
    logging.getLogger("t2s").setLevel(logging.ERROR)  # red flags of a training on random pixels mean nothing
    AcceleratorState._reset_state(reset_partial_state=True)  # trainings of one process may differ in precision here
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    return make_training(recipe, recipe.tokenizer(), accelerator, None, SilentTracker(), Path(), {})
