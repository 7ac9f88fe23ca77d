"""A stage as a launcher runs it, held at a step: `held_stage.py STEP pipelines/train.py`. For test_distributed.py.

Each process that comes to STEP (-1: none does) writes its pid to held-<rank> and waits: for kill -9, or for SIGTERM,
after which it goes on. What takes long and is another test's matter is left out: no process talks to MLflow (the record
that one would send is still written), no contact sheets are drawn.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import t2s.assembly as assembly
import t2s.tracking.tracker as tracker
from t2s.training.loader import Batch, StepBatches


class NoSender:
    def __init__(self, root: Path, buffer: Path) -> None: ...

    def finish(self, timeout_s: float) -> None: ...


def hold() -> None:
    asked, noted = threading.Event(), signal.getsignal(signal.SIGTERM)

    def note(*arguments: Any) -> None:
        asked.set()
        assert callable(noted)
        noted(*arguments)

    signal.signal(signal.SIGTERM, note)
    rank = os.environ.get("RANK", "0")
    Path(f"held-{rank}.part").write_text(str(os.getpid()))
    Path(f"held-{rank}.part").rename(f"held-{rank}")
    asked.wait()


def main(step: int, script: str) -> None:
    read = StepBatches.__getitem__

    def held(batches: StepBatches, i: int) -> Batch:
        if batches.first_step + i == step:
            hold()
        return read(batches, i)

    StepBatches.__getitem__ = held  # type: ignore[method-assign]
    assembly.draw_sheets = lambda *parts: lambda denoiser, epoch: {}
    tracker.SenderProcess = NoSender  # type: ignore[misc,assignment]
    sys.argv = [script]  # as a launcher starts it
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
