"""AdamW, or Muon for the hidden matrices with AdamW for the rest, and one learning-rate curve for both."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from t2s.training.config import TrainConfig

HIDDEN = ".blocks."  # the matrices Muon was made for (Jordan et al. 2024): inside the trunk, not embeddings or heads


def make_optimizers(model: nn.Module, config: TrainConfig) -> list[Optimizer]:
    """One AdamW, or Muon and AdamW. Only matrices decay; positions, norms, gates and biases do not."""
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    hidden: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim >= 2 and not name.endswith((".space", ".time", ".positions"))
        if config.optimizer == "muon" and parameter.ndim == 2 and HIDDEN in f".{name}":
            hidden.append(parameter)
        else:
            (matrices if is_matrix else vectors).append(parameter)
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    adamw = AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    if not hidden:
        return [adamw]
    muon = Muon(hidden, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
    return [adamw, muon]


def learning_rate(config: TrainConfig, step: int, num_steps: int) -> float:
    """Linear warm-up, plateau, linear decay to 0 over the last share (Hägele et al. 2024, 2405.18392)."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    decay_steps = config.decay_fraction * num_steps
    left = min(1.0, (num_steps - step) / decay_steps) if decay_steps >= 1 else 1.0
    return config.learning_rate * warm * left


def set_learning_rate(optimizers: list[Optimizer], rate: float) -> None:
    """Give every parameter group this rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def gradients(model: nn.Module) -> Iterator[torch.Tensor]:
    """The gradients that are there."""
    return (parameter.grad for parameter in model.parameters() if parameter.grad is not None)
