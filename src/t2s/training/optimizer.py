"""AdamW, or Muon for the hidden matrices with AdamW for the rest, and one learning-rate curve for both."""

from typing import assert_never

from torch import nn
from torch.optim import AdamW, Optimizer

from t2s.training.config import OptimizerName, TrainConfig
from t2s.training.muon import Muon

HIDDEN = ".blocks."  # the matrices Muon was made for (Jordan et al. 2024): inside the trunk, not embeddings or heads
MODULATION = ".modulation."  # adaLN's see one vector a clip: too little for what orthogonalising them costs
REFERENCE_INPUTS = 256  # inputs of a matrix at which train.learning_rate holds as it is
SCALE = "lr_scale"


def make_optimizers(model: nn.Module, config: TrainConfig) -> list[Optimizer]:
    """One AdamW, or Muon and AdamW. Only matrices decay; positions, norms, gates and biases do not.

    AdamW moves every weight by about the learning rate, so a layer's output moves with its number of inputs: matrices
    with more than `REFERENCE_INPUTS` get a rate smaller by that ratio. Yang et al. (2022, 2203.03466, table 8) have it
    for hidden weights; here it holds for the first layer too, where thousands of pixels a patch would drown the rest.
    Muon's matrices keep the rate: it scales its updates itself.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    hidden: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue  # of a frozen text encoder
        is_matrix = parameter.ndim >= 2 and not name.endswith((".space", ".time", ".positions"))
        is_hidden = parameter.ndim == 2 and HIDDEN in f".{name}" and MODULATION not in name
        if is_hidden and has_muon(config.optimizer):
            hidden.append(parameter)
            continue
        decay = config.weight_decay if is_matrix else 0.0
        scale = min(1.0, REFERENCE_INPUTS / parameter[0].numel()) if is_matrix else 1.0
        groups.setdefault((decay, scale), []).append(parameter)
    adamw = AdamW(
        [{"params": members, "weight_decay": decay, SCALE: scale} for (decay, scale), members in groups.items()],
        lr=config.learning_rate,
        betas=config.betas,
        fused=True,
    )
    if not hidden:
        return [adamw]
    return [adamw, Muon([{"params": hidden, SCALE: 1.0}], config.learning_rate, weight_decay=config.weight_decay)]


def has_muon(name: OptimizerName) -> bool:
    """Whether the hidden matrices are Muon's."""
    match name:
        case "adamw":
            return False
        case "muon":
            return True
        case _:
            assert_never(name)


def learning_rate(config: TrainConfig, step: int, num_steps: int) -> float:
    """Linear warm-up, plateau, linear decay to 0 over the last share (Hägele et al. 2024, 2405.18392)."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    decay_steps = config.decay_fraction * num_steps
    left = min(1.0, (num_steps - step) / decay_steps) if decay_steps >= 1 else 1.0
    return config.learning_rate * warm * left


def set_learning_rate(optimizers: list[Optimizer], rate: float) -> None:
    """Give every parameter group this rate, times its own scale."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group[SCALE]
