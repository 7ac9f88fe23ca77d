"""A toy language: a bright square on a plain ground that moves right, moves down, grows, or blinks."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.diffusion.schedule import Schedule, cosine
from t2s.evaluation.config import EvaluateConfig, RecogniserConfig
from t2s.evaluation.examination import Subject
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.recogniser_training import train_recogniser

SIGNS = ("blink", "down", "grow", "right")
FRAMES, SIZE = 8, 32

RECOGNISER: dict[str, Any] = {
    "seed": 7,
    "num_frames": FRAMES,
    "image_size": SIZE,
    "width": 8,
    "epochs": 16,
    "batch_size": 8,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "label_smoothing": 0.05,
    "dropout": 0.0,
    "augment": {
        "mirror_probability": 0.0,  # the toy's "right" would become another sign
        "shift": 0.05,
        "scale": 0.05,
        "tempo": 0.1,
        "time_shift": 0.05,
        "contrast": 0.2,
        "brightness": 0.2,
        "soften_probability": 0.2,
        "noise_probability": 0.2,
        "noise": 0.1,
    },
    "gate_margin": 0.2,
}
EVALUATE: dict[str, Any] = {
    "seed": 3,
    "batch_size": 4,
    "max_signs": 8,
    "clips_per_sign": 3,
    "null_clips": 4,
    "num_steps": 4,
    "guidance_scale": 1.0,
    "guidance_rescale": 0.0,
    "polish": 1,
    "precision": "fp32",
    "sampler": "dpmpp",
    "timestep_clips": 4,
    "ranking_clips": 8,
    "ranking_bins": 2,
    "bootstrap_resamples": 100,
    "frechet_splits": 4,
    "memorisation_quantile": 0.1,
    "max_reference_clips": 100,
    "champion_min_share": 0.8,
}


def draw(sign: str, person: int) -> npt.NDArray[np.uint8]:
    """One clip (F, H, W, 3); people differ in ground, colour, place and size of the square."""
    rng = np.random.default_rng(person)
    clip = np.empty((FRAMES, SIZE, SIZE, 3), np.uint8)
    clip[:] = rng.integers(20, 110, 3)
    colour, side = rng.integers(160, 255, 3), int(rng.integers(6, 9))
    x0, y0 = rng.integers(3, 7, 2)
    for frame in range(FRAMES):
        step, grown = 2 * frame, side
        x, y = int(x0), int(y0)
        if sign == "right":
            x += step
        elif sign == "down":
            y += step
        elif sign == "grow":
            grown += step
        elif frame % 3 == 1:  # blink
            continue
        clip[frame, y : y + grown, x : x + grown] = colour
    return clip


def write_store(folder: Path, people: dict[str, range], label: Callable[[str, int], tuple[str, str]]) -> ClipStore:
    """A store with every sign of everybody in `people` (by split); `label` names (sign, text)."""
    with ShardWriter(folder, num_frames=FRAMES, image_size=SIZE, clips_per_shard=50, source={}) as writer:
        for split, persons in people.items():
            for person in persons:
                for shown in SIGNS:
                    sign, text = label(shown, person)
                    name = f"{shown}-{person}"
                    writer.add(
                        draw(shown, person), clip_id=name, text=text, sign=sign, signer=f"person-{person}",
                        split=split, fps=8.0, source_frames=FRAMES, licence="CC0-1.0",
                    )  # fmt: skip
    return ClipStore.open(folder)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """12 people in train, 6 others in test, 4 signs each."""
    people = {"train": range(12), "test": range(100, 106)}
    return write_store(tmp_path_factory.mktemp("toy") / "clips", people, lambda sign, _: (sign, f"{sign} it"))


@pytest.fixture(scope="session")
def train(store: ClipStore) -> RealClips:
    return RealClips.of_split(store, "train")


@pytest.fixture(scope="session")
def held_out(store: ClipStore) -> RealClips:
    return RealClips.held_out(store)


@pytest.fixture(scope="session")
def recogniser(train: RealClips) -> Recogniser:
    return train_recogniser(train, train.signs, RecogniserConfig.model_validate(RECOGNISER))


@pytest.fixture(scope="session")
def recogniser_config() -> RecogniserConfig:
    return RecogniserConfig.model_validate(RECOGNISER)


@pytest.fixture(scope="session")
def evaluate_config() -> EvaluateConfig:
    return EvaluateConfig.model_validate(EVALUATE)


@pytest.fixture(scope="session")
def schedule() -> Schedule:
    return Schedule(cosine(10))


@pytest.fixture(scope="session")
def clips(held_out: RealClips) -> torch.Tensor:
    """All held-out clips, (24, 3, F, H, W)."""
    return torch.from_numpy(held_out[:])


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., ClipStore]:
    """make_store(people, label) → a new store each time; see `write_store`."""
    folders = (tmp_path / f"clips-{number}" for number in count())
    return lambda people, label: write_store(next(folders), people, label)


PROMPTS = ["", "blink it", "down it", "grow it", "right it"]


class Oracle:
    """Generates what real people show; denoises toward the mean clip of the prompt's sign."""

    def __init__(self, source: RealClips, schedule: Schedule) -> None:
        self.clips, self.signs, self.schedule = torch.from_numpy(source[:]), source.signs, schedule
        means = [self.clips[[sign == p.split()[0] for sign in self.signs]].mean(0) for p in PROMPTS[1:]]
        self.table = torch.stack([self.clips.mean(0), *means])

    def subject(self) -> Subject:
        return Subject(self.denoise_x0, self.generate, self.encode, self.schedule, torch.device("cpu"))

    def denoise_x0(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        a, s = self.schedule.signal[t].view(-1, 1, 1, 1, 1), self.schedule.noise[t].view(-1, 1, 1, 1, 1)
        wiener = a * 0.1 / (a**2 * 0.1 + s**2)  # around the prompt's mean instead of around zero
        mean = self.table[prompt_ids[:, 0]]
        return mean + (wiener * (x_t - a * mean)).float()

    def generate(self, prompts: list[str], seeds: list[int]) -> Tensor:
        rows = [
            [i for i, sign in enumerate(self.signs) if not prompt or prompt.startswith(sign)][seed % 6]
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return self.clips[rows]

    def encode(self, prompts: Any) -> Tensor:
        return torch.tensor([[PROMPTS.index(prompt), 0] for prompt in prompts])


@pytest.fixture(scope="session")
def subject(held_out: RealClips, schedule: Schedule) -> Subject:
    return Oracle(held_out, schedule).subject()
