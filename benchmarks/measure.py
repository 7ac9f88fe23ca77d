"""How the benchmarks measure: medians of wall time, counted FLOPs, the matmul peak, peak memory, the machine's name."""

import gc
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from t2s.cores import usable_cores

PEAK_SIZES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}  # sides of the square matrices; the best one counts
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def bench_device() -> torch.device:
    """CUDA when there is one, as `runtime.device: auto` has it."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def machine() -> dict[str, object]:
    """What the figures hold for: CPU model, usable cores, accelerator, torch. No host name, no date."""
    described = {"cpu": cpu_name(), "cores": usable_cores(), "torch": version("torch")}
    return described | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def cpu_name() -> str:
    """The processor as Linux names it, else its architecture.

    With family and model: virtual machines often say "AMD EPYC" of generations whose bf16 peaks differ by two.
    """
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.is_file() else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    if "model name" not in said:
        return platform.machine()
    numbers = [f"{key} {said[name]}" for key, name in (("family", "cpu family"), ("model", "model")) if name in said]
    return f"{said['model name']} ({', '.join(numbers)})" if numbers else said["model name"]


def synchronize() -> None:
    """Wait for the accelerator, so that a clock reads work done and not work queued."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_s(call: Callable[[], object], repeats: int = 5, budget_s: float = 20.0) -> float:
    """Median wall time of `call` after a first one that does not count, of fewer repeats where they pass `budget_s`.

    A first call that alone takes longer than the budget is the measurement: what it did once is small beside that.
    """
    times: list[float] = []
    while len(times) <= repeats and sum(times) < budget_s:
        synchronize()
        before = time.perf_counter()
        call()
        synchronize()
        times.append(time.perf_counter() - before)
    return median(times[1:] or times)


def matmul_peak(precision: str, device: torch.device, repeats: int = 7) -> float:
    """FLOP/s of the best square matmul in 'fp32' or 'bf16': what this machine reaches, not what its maker prints."""
    best = 0.0
    for size in PEAK_SIZES[device.type]:
        a, b = (torch.randn(size, size, device=device, dtype=DTYPES[precision]) for _ in range(2))
        out = torch.empty_like(a)
        best = max(best, 2 * size**3 / median_s(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), repeats))
    return best


def count_flops(call: Callable[[], object]) -> int:
    """FLOPs of the matrix products, attentions and convolutions in `call`, backward included where it calls it.

    Attention runs as plain matrix products while it is counted: the counter has no formula for the CPU's fused kernel
    and would take it for free.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def forget_peak() -> None:
    """Let `peak_memory_mib` begin anew, where that is possible: on a GPU."""
    if torch.cuda.is_available():
        gc.collect()  # a finished training is a cycle of references, and would count until Python looks for those
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory_mib() -> float:
    """The most this process held so far: on the GPU if there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def in_own_process(script: str, *arguments: str) -> dict[str, Any]:
    """The JSON that a benchmark script prints when run with `arguments`: peak memory needs a process of its own."""
    made = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(made.stdout)
    return found
