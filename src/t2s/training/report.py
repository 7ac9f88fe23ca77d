"""What a finished training leaves for people: its history as CSV, its flags and speed as JSON."""

import csv
import io
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from t2s import atomic
from t2s.training.config import MonitorConfig
from t2s.training.history import History
from t2s.training.loop import TrainResult
from t2s.training.monitor import came_down, not_judged

FIRST_COLUMNS = ("epoch", "step", "learning_rate")


def write_history(path: Path, history: History) -> None:
    """One row an epoch, one column a measure; empty where an epoch did not measure it."""
    measured = {key for row in history.rows for key in row} - set(FIRST_COLUMNS)
    columns = [*FIRST_COLUMNS, *sorted(measured)]  # the same order whether or not the run was resumed
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history.rows)
    atomic.write_text(path, text.getvalue())


def training_report(result: TrainResult, monitor: MonitorConfig, accelerator: Accelerator) -> dict[str, Any]:
    """Last row, red flags, skipped steps, and what it ran on.

    `flags` are those up at the end, `came_down` those that were up before, `not_judged` the checks that never judged.
    """
    rows = result.history.rows
    return {
        "num_steps": result.num_steps,
        "last": rows[-1],
        "flags": [flag.as_dict() for flag in result.flags],
        "came_down": [flag.as_dict() for flag in came_down(rows, monitor)],
        "not_judged": not_judged(rows, monitor),
        "skipped_steps": result.history.skipped_steps,
        "precision": accelerator.mixed_precision if accelerator.mixed_precision != "no" else "fp32",
        "device": str(accelerator.device),
        "num_processes": accelerator.num_processes,
        "clips_per_s": round(result.clips_per_s, 1),
        "seconds": round(result.seconds, 1),
    }
