"""The seeded validation during training: same clips, same noise, same timesteps every time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from t2s.diffusion import prediction
from t2s.diffusion.baselines import TrainMoments, trivial_guesses
from t2s.diffusion.config import PredictionType
from t2s.diffusion.loss import mse_per_clip
from t2s.diffusion.schedule import Schedule, add_noise
from t2s.training.config import ValidationConfig
from t2s.training.history import RANGES

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ValidationSet:
    """Held-out clips (B, C, F, H, W), their prompts (B, L), and the same prompts dealt to other clips."""

    clips: Tensor
    prompt_ids: Tensor
    shuffled_ids: Tensor


class Validation:
    """Measures x0-error, skill and what the prompt is worth, on fixed clips and fixed noise."""

    def __init__(
        self,
        held_out: ValidationSet,
        schedule: Schedule,
        kind: PredictionType,
        config: ValidationConfig,
        batch_size: int,
        moments: Callable[[], TrainMoments],
    ) -> None:
        """`moments`: of the train clips, asked for once, before the first measuring."""
        self.set, self.schedule, self.kind, self.batch_size = held_out, schedule, kind, batch_size
        self.moments = moments
        last = schedule.num_timesteps - 1
        spread = torch.linspace(0, last, min(config.num_timesteps, last + 1))
        self.timesteps = sorted({round(t) for t in spread.tolist()})

    @torch.inference_mode()
    def __call__(self, denoiser: Denoiser) -> dict[str, float]:
        """Metrics by name.

        `x0_mse` (mean over timesteps), `x0_mse_low|mid|high`, `skill_low|mid|high` = 1 - MSE / that of the best trivial
        guess at each timestep, `shuffled_gap` and `null_gap`: how much worse another prompt, or none, denoises in the
        noisy third, relative to the intended one. Without `shuffled_gap` where all clips have one prompt.
        """
        errors: dict[str, list[float]] = {name: [] for name in RANGES}
        skills: dict[str, list[float]] = {name: [] for name in RANGES}
        others = {"shuffled": self.set.shuffled_ids, "null": torch.zeros_like(self.set.prompt_ids)}
        if torch.equal(self.set.shuffled_ids, self.set.prompt_ids):
            del others["shuffled"]  # there is no other prompt to try
        gaps: dict[str, list[float]] = {name: [] for name in ("intended", *others)}
        for t in self.timesteps:
            name = RANGES[min(2, 3 * t // self.schedule.num_timesteps)]
            error = self._x0_error(denoiser, t, self.set.prompt_ids)
            errors[name].append(error)
            skills[name].append(1 - error / self._trivial_error[t])
            if name == "high":
                gaps["intended"].append(error)
                for other, ids in others.items():
                    gaps[other].append(self._x0_error(denoiser, t, ids))
        everything = [value for values in errors.values() for value in values]
        metrics = {"x0_mse": _mean(everything)}
        metrics |= {f"x0_mse_{name}": _mean(values) for name, values in errors.items() if values}
        metrics |= {f"skill_{name}": _mean(values) for name, values in skills.items() if values}
        metrics |= {f"{name}_gap": _mean(gaps[name]) / _mean(gaps["intended"]) - 1 for name in others}
        return metrics

    def _x0_error(self, denoiser: Denoiser, t: int, prompt_ids: Tensor) -> float:
        total = 0.0
        for rows, x0, x_t in self._noised(t):
            steps = torch.full((len(x0),), t, device=x0.device)
            output = denoiser(x_t, steps, prompt_ids[rows]).float()
            total += _total_mse(prediction.to_x0(self.kind, output, x_t, steps, self.schedule), x0)
        return total / len(self.set.clips)

    @cached_property
    def _trivial_error(self) -> dict[int, float]:
        """The smallest x0-error of any trivial guess, by timestep."""
        moments = self.moments()
        best = {}
        for t in self.timesteps:
            totals: dict[str, float] = {}
            for _, x0, x_t in self._noised(t):
                for name, guess in trivial_guesses(x_t, t, self.schedule, moments).items():
                    totals[name] = totals.get(name, 0.0) + _total_mse(guess, x0)
            best[t] = min(totals.values()) / len(self.set.clips)
        return best

    def _noised(self, t: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """(rows, x0, x_t) in batches: the same noise for whatever is measured."""
        clips = self.set.clips
        generator = torch.Generator(clips.device).manual_seed(t)
        for first in range(0, len(clips), self.batch_size):
            rows = slice(first, first + self.batch_size)
            x0 = clips[rows]
            eps = torch.randn(x0.shape, generator=generator, device=x0.device)
            yield rows, x0, add_noise(self.schedule, x0, eps, torch.full((len(x0),), t, device=x0.device))


def _total_mse(guess: Tensor, x0: Tensor) -> float:
    return mse_per_clip(guess, x0).double().sum().item()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
