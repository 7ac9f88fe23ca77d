"""Noise schedules: x_t = a_t · x0 + s_t · eps with a² + s² = 1 (variance preserving).

t = 0 is almost clean (high SNR), t = T-1 almost noise (low SNR).
"""

import math
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from t2s.diffusion.config import DiffusionConfig

MAX_BETA = 0.999  # Nichol & Dhariwal 2021: keeps alphas_cumprod above zero
MAX_LOGSNR = 7.5  # where even_logsnr starts; it ends at the negative of it


@dataclass(frozen=True)
class Schedule:
    """One forward process. `alphas_cumprod`: (T,) float64 in [0, 1), strictly falling."""

    alphas_cumprod: Tensor

    def to(self, device: torch.device) -> "Schedule":
        """The same schedule with its table on `device`."""
        return Schedule(self.alphas_cumprod.to(device))

    @property
    def num_timesteps(self) -> int:
        return len(self.alphas_cumprod)

    @property
    def signal(self) -> Tensor:
        """a_t = sqrt(abar_t), (T,)."""
        return self.alphas_cumprod.sqrt()

    @property
    def noise(self) -> Tensor:
        """s_t = sqrt(1 - abar_t), (T,)."""
        return (1 - self.alphas_cumprod).sqrt()

    @property
    def snr(self) -> Tensor:
        """abar_t / (1 - abar_t), (T,); 0 at a zero-terminal-SNR end."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)

    @property
    def betas(self) -> Tensor:
        """beta_t = 1 - abar_t / abar_{t-1}, (T,): what diffusers calls trained_betas."""
        previous = torch.cat([self.alphas_cumprod.new_ones(1), self.alphas_cumprod[:-1]])
        return 1 - self.alphas_cumprod / previous


def make_schedule(config: DiffusionConfig) -> Schedule:
    """The schedule that params.yaml names: shape, then log-SNR shift, then zero-terminal rescale."""
    match config.schedule:
        case "cosine":
            abar = cosine(config.num_timesteps)
        case "linear":
            abar = linear(config.num_timesteps)
        case "even_logsnr":
            abar = even_logsnr(config.num_timesteps)
        case _:
            assert_never(config.schedule)
    abar = shift_logsnr(abar, config.logsnr_shift)
    return Schedule(rescale_zero_terminal_snr(abar) if config.zero_terminal_snr else abar)


def cosine(num_timesteps: int) -> Tensor:
    """Nichol & Dhariwal 2021 (2102.09672), eq. 17, betas clipped at 0.999. Returns abar (T,)."""
    time = torch.arange(num_timesteps + 1, dtype=torch.float64) / num_timesteps
    curve = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=MAX_BETA)
    return (1 - betas).cumprod(0)


def linear(num_timesteps: int) -> Tensor:
    """Ho et al. 2020 (2006.11239): betas 1e-4 … 0.02. Made for T = 1000: with T = 50 it ends at abar 0.6."""
    betas = torch.linspace(1e-4, 0.02, num_timesteps, dtype=torch.float64)
    return (1 - betas).cumprod(0)


def even_logsnr(num_timesteps: int) -> Tensor:
    """Log-SNR falls in equal steps from MAX_LOGSNR to -MAX_LOGSNR (a fixed line in Kingma et al. 2021, 2107.00630).

    What a clip looks like as a whole, the colour of clothes and background, is decided at log-SNR -11 … -6, because
    many equal pixels outweigh much noise. The cosine curve crosses that range in a few of its last steps; this one
    does not.
    """
    return torch.sigmoid(torch.linspace(MAX_LOGSNR, -MAX_LOGSNR, num_timesteps, dtype=torch.float64))


def shift_logsnr(abar: Tensor, shift: float) -> Tensor:
    """abar with log-SNR moved by `shift` (Hoogeboom et al. 2023, 2301.11093, eq. 4: 2·log(64/d) at d pixels)."""
    return torch.sigmoid(torch.logit(abar) + shift)


def rescale_zero_terminal_snr(abar: Tensor) -> Tensor:
    """Lin et al. 2023 (2305.08891), algorithm 1: sqrt(abar) shifted and scaled so that abar_{T-1} = 0."""
    root = abar.sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return root**2


def at(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """Pick values[t] per clip, shaped (B, 1, 1, …) and typed to broadcast against `like`."""
    picked = values.to(device=t.device)[t].to(like.dtype)
    return picked.view(-1, *([1] * (like.ndim - 1)))


def add_noise(schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """x_t = a_t · x0 + s_t · eps (Ho et al. 2020, eq. 4). x0, eps: (B, …); t: (B,) in [0, T)."""
    return torch.addcmul(at(schedule.signal, t, x0) * x0, at(schedule.noise, t, x0), eps)
