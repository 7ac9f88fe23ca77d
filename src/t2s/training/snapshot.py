"""Everything a training step changes, as tensors and JSON: weights, their average, optimizers, history."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from t2s.checkpoint import Checkpoint
from t2s.training.ema import EMA
from t2s.training.history import History
from t2s.training.packing import pack_optimizer, unpack_optimizer


def capture(
    model: nn.Module, ema: EMA, optimizers: list[Optimizer], history: History
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, metadata) from which `restore` makes the same training again, bit by bit."""
    live = dict(model.named_parameters())
    tensors = {f"model/{name}": live[name].detach() for name in ema.names}
    tensors |= {f"ema/{name}": shadow for name, shadow in ema.state().items()}
    packed = []
    for index, optimizer in enumerate(optimizers):
        some, tree = pack_optimizer(optimizer, f"optimizer{index}")
        tensors |= some
        packed.append(tree)
    return tensors, {"optimizers": packed, "history": history.as_json()}


@torch.no_grad()
def restore(found: Checkpoint, model: nn.Module, ema: EMA, optimizers: list[Optimizer]) -> History:
    """Put back what `capture` took; returns the history."""
    live = dict(model.named_parameters())
    for name in ema.names:
        live[name].copy_(found.tensors[f"model/{name}"])
    ema.load({name: found.tensors[f"ema/{name}"] for name in ema.names})
    for optimizer, packed in zip(optimizers, found.metadata["optimizers"], strict=True):
        unpack_optimizer(optimizer, packed, found.tensors)
    return History.from_json(found.metadata["history"])
