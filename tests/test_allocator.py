"""Freed memory that stays: counted in the pages that the kernel had to hand out, in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

STEPS = 10
# Tensors of 40 MiB, 10,240 pages, which glibc by default always returns; and the page faults once the heap has settled.
WORK = f"""
import resource, sys
import torch
from t2s.allocator import keep_freed_memory

kept = keep_freed_memory() if "keep" in sys.argv else None
def step():
    torch.zeros(10, 2**20)
for _ in range(20):  # aligned blocks leave gaps that are just too short: it takes some rounds until all fit
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({STEPS}):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*arguments: str, **variables: str) -> tuple[str, int]:
    """(what keep_freed_memory returned, page faults), whatever dask has left in this process's environment."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", WORK, *arguments]
    made = subprocess.run(command, env=clean | variables, capture_output=True, text=True, check=True)
    kept, faults = made.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_tensors_of_later_steps_are_made_of_the_pages_of_earlier_ones() -> None:
    (_, by_default), (kept, faults) = page_faults(), page_faults("keep")
    assert kept == "True"
    assert by_default >= 10_240 * STEPS
    assert faults < STEPS


def test_settings_of_the_user_s_own_are_left_alone() -> None:
    assert page_faults("keep", MALLOC_TRIM_THRESHOLD_="131072")[0] == "False"
