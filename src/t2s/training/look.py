"""A look at the model between epochs: what its averaged weights measure, unless a signal cuts it short."""

from collections.abc import Callable, Sequence

import torch
from accelerate import Accelerator
from torch import nn

from t2s.training.ema import EMA
from t2s.training.history import Row

Measure = Callable[[nn.Module], Row]


class CutError(Exception):
    """Somebody asked for the end of the look."""


def look(
    model: nn.Module, ema: EMA, accelerator: Accelerator, measures: Sequence[Measure], is_asked: Callable[[], bool]
) -> Row | None:
    """All that `measures` find with the averaged weights; None when cut: `is_asked` is looked at before each pass
    through the network, that is, between validation batches and between the steps of a sampler.

    Weights and average are afterwards what they were before, whatever is raised.
    """

    def cut_if_asked(*_: object) -> None:
        if is_asked():
            raise CutError

    found: Row = {}
    hook = model.register_forward_pre_hook(cut_if_asked)
    ema.swap()
    model.eval()
    try:
        with torch.inference_mode(), accelerator.autocast():
            for measure in measures:
                found |= measure(model)
    except CutError:
        return None
    finally:
        model.train()
        ema.swap()
        hook.remove()
    return found
