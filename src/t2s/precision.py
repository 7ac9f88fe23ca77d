"""Which number format to compute in: bf16 where the machine has it in hardware, else fp32."""

import platform
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import torch

from t2s.choices import Precision
from t2s.errors import UserError


def resolve_precision(wanted: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """'fp32' or 'bf16' for a `precision` of params.yaml.

    auto takes bf16 on CUDA cards that support it and on CPUs with bf16 instructions: elsewhere a bf16 matmul is
    emulated, hundreds of times slower than fp32.

    Raises:
        UserError: another name.
    """
    if wanted not in get_args(Precision):
        raise UserError(f"precision '{wanted}' is unknown; choose one of {', '.join(get_args(Precision))}")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 matrices itself (x86 avx512_bf16 or amx_bf16, Arm bf16)."""
    if platform.system() != "Linux":
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags.split()))
