"""Loss weights per timestep: each strategy defined once, on the epsilon loss, and converted by identity.

With R = SNR: MSE_eps = R · MSE_x0 and MSE_v = (1 + R) · MSE_x0, hence w_x0 = R · w_eps and
w_v = R / (1 + R) · w_eps. Each strategy below is w_eps(R); the loss is the same whatever the network predicts.
Some diverge at R = 0. They are never asked for it: `loss_weights` puts 1e-77 there, and down to that all are finite.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from t2s.diffusion.config import PredictionType, SNRWeightingConfig, Strategy
from t2s.diffusion.schedule import Schedule

DEBIASED_MAX_SNR = 1000.0
P2_OFFSET = 1.0  # k of Choi et al.


def inverse_snr(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """The seed's formula to the letter, w_eps = 1 / clamp(SNR, min_snr, max_snr).

    It weighs HIGH t (low SNR) up and low t down: on x0 it is uniform inside the clamp. The seed's text says the
    opposite.
    """
    return 1 / snr.clamp(config.min_snr, config.max_snr)


def clamped_snr(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """What the seed's text meant: w_eps = clamp(SNR, min_snr, max_snr), low t weighed up."""
    return snr.clamp(config.min_snr, config.max_snr)


def min_snr(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Hang et al. 2023 (2303.09556): w_eps = min(SNR, γ) / SNR."""
    return torch.where(snr > config.gamma, config.gamma / snr.clamp(min=config.gamma), 1.0)


def soft_min_snr(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Crowson et al. 2024 (2401.11605): w_eps = γ / (γ + SNR), a smooth min_snr."""
    return config.gamma / (config.gamma + snr)


def truncated_snr(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Salimans & Ho 2022 (2202.00512): w_x0 = max(SNR, 1), so w_eps = max(1, 1/SNR)."""
    return (1 / snr).clamp(min=1)


def p2(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Choi et al. 2022 (2204.00227), eq. 8: w_eps = (1 + SNR)^-γ."""
    return (P2_OFFSET + snr) ** -config.p2_gamma


def debiased(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Yu et al. 2024 (2310.08442): w_eps = 1 / sqrt(min(SNR, 1000))."""
    return snr.clamp(max=DEBIASED_MAX_SNR) ** -0.5


def uniform(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """Ho et al. 2020: w_eps = 1."""
    return torch.ones_like(snr)


def uniform_x0(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """w_x0 = 1, so w_eps = 1 / SNR."""
    return 1 / snr


def uniform_v(snr: Tensor, config: SNRWeightingConfig) -> Tensor:
    """w_v = 1, so w_eps = (1 + SNR) / SNR; equals EDM's weight at sigma_data = 1 (Karras et al. 2022)."""
    return 1 + 1 / snr


STRATEGIES: dict[Strategy, Callable[[Tensor, SNRWeightingConfig], Tensor]] = {
    "uniform": uniform,
    "inverse_snr": inverse_snr,
    "snr": clamped_snr,
    "min_snr": min_snr,
    "soft_min_snr": soft_min_snr,
    "truncated_snr": truncated_snr,
    "p2": p2,
    "debiased": debiased,
    "uniform_x0": uniform_x0,
    "uniform_v": uniform_v,
}
USES: dict[Strategy, tuple[str, ...]] = {  # which numbers of `train.snr_weighting` a strategy reads
    "uniform": (),
    "inverse_snr": ("min_snr", "max_snr"),
    "snr": ("min_snr", "max_snr"),
    "min_snr": ("gamma",),
    "soft_min_snr": ("gamma",),
    "truncated_snr": (),
    "p2": ("p2_gamma",),
    "debiased": (),
    "uniform_x0": (),
    "uniform_v": (),
}


def loss_weights(config: SNRWeightingConfig, schedule: Schedule, kind: PredictionType) -> Tensor:
    """The weight of every timestep's MSE, (T,) float64, finite and ≥ 0.

    `kind` is what the MSE is measured on. Disabled weighting means 1 everywhere on that MSE (plain DDPM).
    Where SNR = 0: on v and x0 the limit is taken, on epsilon the weight is 1 (x0 does not show in x_t there).
    """
    if not config.enabled:
        return torch.ones_like(schedule.snr)
    snr = schedule.snr
    terminal = snr == 0
    safe = snr.clamp(min=torch.finfo(snr.dtype).tiny ** 0.25)  # 1e-77: small enough to be the limit, can be inverted
    on_eps = STRATEGIES[config.strategy](safe, config)
    if kind == "epsilon":
        return torch.where(terminal, 1.0, on_eps)
    on_x0 = safe * on_eps
    return on_x0 if kind == "sample" else on_x0 / (1 + safe)


def x0_mse_factor(schedule: Schedule, kind: PredictionType) -> Tensor:
    """What turns the MSE of a prediction into the MSE of the x0 it implies, (T,): 1, 1/SNR or 1/(1 + SNR).

    Infinite for epsilon where SNR = 0: x0 cannot be had from noise alone.
    """
    snr = schedule.snr
    return {"sample": torch.ones_like(snr), "epsilon": 1 / snr, "v": 1 / (1 + snr)}[kind]
