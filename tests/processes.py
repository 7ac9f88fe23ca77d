"""Processes by the folder they work in: a project's own, whoever started them."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def working_below(folder: Path) -> dict[int, list[bytes]]:
    """Command lines, by pid, of all that works below a folder."""
    found = {}
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if (process / "cwd").resolve().is_relative_to(folder):
                found[int(process.name)] = (process / "cmdline").read_bytes().split(b"\0")
    return found


def end_all_below(folder: Path) -> None:
    """kill -9 of everything that works there."""
    while running := working_below(folder):
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
