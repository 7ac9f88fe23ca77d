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

    auto takes bf16 on CUDA cards that multiply it and on x86 CPUs with bf16 instructions: elsewhere a bf16 matmul is
    emulated, hundreds of times slower than fp32. On Arm, whose matmul may be fast, oneDNN has plain loops alone for the
    gradients of a bf16 convolution.

    Raises:
        UserError: another name.
    """
    if wanted not in get_args(Precision):
        raise UserError(f"precision '{wanted}' is unknown; choose one of {', '.join(get_args(Precision))}")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if gpu_has_bf16(device) else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


def gpu_has_bf16(device: torch.device) -> bool:
    """Whether this card multiplies bf16 matrices itself: NVIDIA's from Ampere on; of AMD's torch knows."""
    if torch.version.hip is not None:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch's is_bf16_supported would ask the current card, not this one.
    return bool(torch.cuda.get_device_properties(device).major >= 8)


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 matrices itself (x86 avx512_bf16 or amx_bf16)."""
    if platform.system() != "Linux":
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return bool({"avx512_bf16", "amx_bf16"} & set(flags.split()))
