"""The network as torch.compile's graphs, where the machine can build them."""

import os
import shutil
from typing import Any

import torch
from torch import nn

from t2s.errors import UserError

# What torch's inductor builds its kernels with on a CPU, and Triton its launcher on a GPU: (variable, programs).
COMPILERS = {"cpu": ("CXX", ("g++",)), "cuda": ("CC", ("gcc", "clang"))}
DEFAULT_LIMIT = 8  # torch's own
# Convolutions stay in the plain layout on a CPU: in channels_last, which inductor would choose, GroupNorm's bf16
# backward takes several times as long (docs/experiments.md).
OPTIONS: dict[str, dict[str, Any]] = {"cpu": {"layout_optimization": False}, "cuda": {}}


def find_compiler(device: torch.device) -> str | None:
    """The compiler that torch.compile would call for this device; None: there is none."""
    variable, programs = COMPILERS[device.type]
    wanted = (os.environ[variable],) if variable in os.environ else programs
    return next((found for program in wanted if (found := shutil.which(program))), None)


def compiled(model: nn.Module, device: torch.device, thin_frames: int) -> nn.Module:
    """The model with a graph for coarse steps, and one for each frame at which thinned steps start.

    Raises:
        UserError: there is no compiler to build them with.
    """
    if find_compiler(device) is None:
        variable, programs = COMPILERS[device.type]
        raise UserError(
            f"train.compile needs a compiler on this machine ({' or '.join(programs)}, or ${variable}): install it "
            "with Python's headers, or set train.compile: false"
        )
    torch._dynamo.config.recompile_limit = max(DEFAULT_LIMIT, thin_frames + 2)
    return torch.compile(model, dynamic=False, options=OPTIONS[device.type])  # type: ignore[return-value]  # of a module it makes a module
