"""Which device to compute on, from the name a user gives it."""

import re

import torch

from t2s.errors import UserError


def resolve_device(name: str) -> torch.device:
    """auto (CUDA where it is), cpu, cuda or cuda:N → the device.

    Raises:
        UserError: a device that this machine lacks, or no device at all.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise UserError(f"device {name!r} is unknown; choose auto, cpu, cuda or cuda:N")
    try:
        device = torch.device(name)
        if name != "cuda":
            torch.empty(0, device=device)
        elif not torch.cuda.is_available():  # of several processes each will choose its own card: none is touched here
            raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU")
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device '{name}' is not usable here ({str(error).splitlines()[0]}); try cpu or auto") from None
    return device
