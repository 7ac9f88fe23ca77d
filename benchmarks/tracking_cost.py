"""What tracking costs a training, whatever the MLflow server does: of a step's time, and of each call that logs.

    python benchmarks/tracking_cost.py

Steps of the default model (in batches of 8) are timed without tracking, with the local SQLite store, and with servers
that are absent, hang or answer 500, in turns: once from the sender's start on (a process that imports mlflow), and once
when it has started. The start is paid once a training, so it is given in seconds that the steps beside it lost; what
follows lasts as long as the training, so it is given as the growth of a step. Calls: 10 metrics a step at 50 steps a
second, far more than the loop logs. Prints JSON; exit code 1 when a step takes 5 % longer, or calls would take 5 % of a
step.
"""

import argparse
import json
import logging
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from training_step import ALMOST_ALL, BATCHES_STORED, run_loop
from workload import random_recipe, read_settings

from t2s.assembly import Recipe
from t2s.tracking.buffer import Buffer
from t2s.tracking.tracker import SilentTracker, open_tracker

LIMIT = 0.05
WARMUP_STEPS = 4
PHASES = (True, False)  # while the sender starts, and after that
START_S = 600.0  # what the sender's start may take on a busy machine
METRICS = {f"metric{i}": 0.1234567 * i for i in range(10)}


class Broken(BaseHTTPRequestHandler):
    """Answers every request with 500."""

    def do_GET(self) -> None:
        self.send_error(500)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None: ...


@contextmanager
def local() -> Iterator[str | None]:
    yield None


@contextmanager
def absent() -> Iterator[str | None]:
    yield "http://127.0.0.1:9"


@contextmanager
def hanging() -> Iterator[str | None]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def answering_500() -> Iterator[str | None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def set_server(uri: str | None) -> None:
    """Where the next tracker sends to; None: the local store."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    if uri is not None:
        os.environ["MLFLOW_TRACKING_URI"] = uri


def blocked_us(uri: str | None, num_steps: int) -> list[float]:
    """Microseconds that each call blocked."""
    set_server(uri)
    with tempfile.TemporaryDirectory(prefix="t2s-tracking-", ignore_cleanup_errors=True) as folder:
        tracker = open_tracker(Path(folder), "cost", Path(folder) / "runs" / "cost" / "tracking.jsonl")
        times = []
        for step in range(num_steps):
            before = time.perf_counter()
            tracker.log_metrics(METRICS, step)
            times.append(1e6 * (time.perf_counter() - before))
            time.sleep(0.02)
        tracker.finish()
    return times


def silent_step_s(recipe: Recipe, num_steps: int) -> float:
    """Mean seconds of a step without tracking."""
    return statistics.mean(run_loop(recipe, num_steps, False, tracker=SilentTracker()).step_s(WARMUP_STEPS))


def step_s(recipe: Recipe, uri: str | None, num_steps: int, starts: bool) -> float:
    """Mean seconds of a step, from the sender's start on, or else after it."""
    with tempfile.TemporaryDirectory(prefix="t2s-tracking-", ignore_cleanup_errors=True) as folder:
        set_server(uri)
        buffer = Path(folder) / "runs" / "cost" / "tracking.jsonl"
        with Heard() as heard:
            tracker = open_tracker(Path(folder), "cost", buffer)
            if not starts:
                heard.wait_for_start(buffer)
            seconds = run_loop(recipe, num_steps, False, tracker=tracker).step_s(WARMUP_STEPS)
        tracker.finish("KILLED")
    return statistics.mean(seconds)


class Heard(logging.Handler):
    """Listens, while entered, for what the sender says."""

    def __init__(self) -> None:
        super().__init__()
        self._said = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self._said.set()

    def __enter__(self) -> "Heard":
        logger = logging.getLogger("t2s.tracking.launch")
        logger.setLevel(logging.WARNING)  # the workload keeps the package quieter than that
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("t2s.tracking.launch").removeHandler(self)

    def wait_for_start(self, buffer: Path) -> None:
        """Until the sender has sent what there is, or says that its server does not answer."""
        deadline = time.monotonic() + START_S
        while Buffer(buffer).pending() and not self._said.wait(0.2):
            if time.monotonic() > deadline:
                sys.exit(f"the sender has not started within {START_S:g} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500, help="log calls against each server")
    parser.add_argument("--steps", type=int, default=60, help="training steps of a run")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    servers = (local, absent, hanging, answering_500)
    changes = {"train.batch_size": 8, "train.coarse_fraction": ALMOST_ALL}
    growths: dict[tuple[str, bool], list[float]] = {
        (each.__name__, starts): [] for each in servers for starts in PHASES
    }
    with random_recipe(read_settings(changes), num_clips=8 * BATCHES_STORED) as recipe:
        silent_s = silent_step_s(recipe, arguments.steps)
        for _ in range(arguments.rounds):
            for server in servers:
                for starts in PHASES:
                    before_s = silent_s
                    with server() as uri:
                        tracked_s = step_s(recipe, uri, arguments.steps, starts)
                    silent_s = silent_step_s(recipe, arguments.steps)
                    untracked_s = (before_s + silent_s) / 2
                    growths[server.__name__, starts].append(tracked_s / untracked_s - 1)
    report = {}
    counted = arguments.steps - WARMUP_STEPS
    for server in servers:
        with server() as uri:
            times = sorted(blocked_us(uri, arguments.calls))
        report[server.__name__] = {
            "step_growth": round(statistics.median(growths[server.__name__, False]), 4),
            "start_s": round(statistics.median(growths[server.__name__, True]) * counted * silent_s, 2),
            "median_us": round(statistics.median(times), 1),
            "p99_us": round(times[int(0.99 * len(times))], 1),
            "max_us": round(times[-1], 1),
            "share_of_step": round(statistics.mean(times) / 1e6 / silent_s, 6),
        }
    print(json.dumps(report, indent=2))
    judged = ("step_growth", "share_of_step")
    sys.exit(0 if all(row[each] < LIMIT for row in report.values() for each in judged) else 1)


if __name__ == "__main__":
    main()
