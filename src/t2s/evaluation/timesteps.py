"""Errors per timestep beside what costs nothing: how much does the network know at each noise level?

MSE_eps = SNR · MSE_x0 and MSE_v = (1 + SNR) · MSE_x0, so one x0-error tells all three, and
skill = 1 − MSE / best trivial baseline is the same in each.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from t2s.diffusion.baselines import TrainMoments, trivial_guesses
from t2s.diffusion.schedule import Schedule
from t2s.evaluation.arrays import PerClip
from t2s.evaluation.bootstrap import Bootstrap, Estimate
from t2s.evaluation.noising import DenoiseX0, FixedNoise, clip_mse
from t2s.progress import track

PEAK_TO_PEAK = 2.0  # of pixels in [-1, 1], for the PSNR


@dataclass(frozen=True)
class TimestepErrors:
    """x0-errors at one timestep, one per clip, (n,): the network's and each trivial baseline's."""

    t: int
    snr: float
    model: PerClip
    baselines: dict[str, PerClip]

    @property
    def best_baseline(self) -> str:
        """The name of the trivial guess with the smallest mean error."""
        return min(self.baselines, key=lambda name: float(self.baselines[name].mean()))

    def skill(self, bootstrap: Bootstrap) -> Estimate:
        """1 − MSE / best trivial baseline: 1 is perfect, 0 no better than a trivial guess."""
        ratio = bootstrap.paired_ratio(self.model, self.baselines[self.best_baseline])
        return Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low, ratio.n)

    def as_row(self, bootstrap: Bootstrap) -> dict[str, Any]:
        """One entry of `per_timestep` in reports/evaluation.json; null where a baseline is infinite (SNR = 0)."""
        x0_mse = float(self.model.mean())
        row: dict[str, Any] = {"t": self.t, "snr": self.snr}
        for space, factor in (("x0", 1.0), ("eps", self.snr), ("v", 1 + self.snr)):
            row[f"{space}_mse"] = factor * x0_mse
            for name, errors in self.baselines.items():
                row[f"{space}_mse_{name}"] = _finite(factor * float(errors.mean()))
        return {
            **row,
            "x0_psnr": 10 * math.log10(PEAK_TO_PEAK**2 / max(x0_mse, 1e-12)),
            "best_baseline": self.best_baseline,
            **self.skill(bootstrap).named("skill"),
        }


def timestep_errors(
    denoise_x0: DenoiseX0,
    schedule: Schedule,
    clips: Tensor,
    prompt_ids: Tensor,
    moments: TrainMoments,
    seed: int,
    batch_size: int,
) -> list[TimestepErrors]:
    """Denoise clips (n, 3, F, H, W) from every timestep under their own prompts (n, L), with fixed noise."""
    noise = FixedNoise(schedule, seed)
    rows = []
    for t in track(range(schedule.num_timesteps), "timesteps", total=schedule.num_timesteps):
        model: list[Tensor] = []
        trivial: dict[str, list[Tensor]] = {}
        for start in range(0, len(clips), batch_size):
            x0 = clips[start : start + batch_size]
            x_t = torch.stack([noise.noised(clip, start + i, t) for i, clip in enumerate(x0)])
            steps = torch.full((len(x0),), t, device=x0.device)
            model.append(clip_mse(denoise_x0(x_t, steps, prompt_ids[start : start + len(x0)]), x0))
            for name, guess in trivial_guesses(x_t, t, schedule, moments).items():
                trivial.setdefault(name, []).append(clip_mse(guess, x0))
        errors = {name: torch.cat(parts).cpu().numpy() for name, parts in trivial.items()}
        rows.append(TimestepErrors(t, float(schedule.snr[t]), torch.cat(model).cpu().numpy(), errors))
    return rows


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
