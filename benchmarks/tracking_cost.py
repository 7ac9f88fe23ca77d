"""What tracking costs a training: the time each log call blocks, whatever the MLflow server does.

    python benchmarks/tracking_cost.py

Logs 10 metrics a step at 50 steps a second to the local SQLite store and to servers that are absent, hang or answer
500. Prints JSON: microseconds per call, and the share of a 100 ms step that this is.
"""

import argparse
import json
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

from t2s.tracking.tracker import open_tracker

STEP_S = 0.1  # of a real training
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


def blocked_us(uri: str | None, num_steps: int) -> list[float]:
    """Microseconds that each call blocked."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    if uri is not None:
        os.environ["MLFLOW_TRACKING_URI"] = uri
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500, help="log calls against each server")
    arguments = parser.parse_args()
    report = {}
    for server in (local, absent, hanging, answering_500):
        with server() as uri:
            times = sorted(blocked_us(uri, arguments.steps))
        report[server.__name__] = {
            "median_us": round(statistics.median(times), 1),
            "p99_us": round(times[int(0.99 * len(times))], 1),
            "max_us": round(times[-1], 1),
            "share_of_100_ms_step": round(statistics.mean(times) / 1e6 / STEP_S, 6),
        }
    print(json.dumps(report, indent=2))
    sys.exit(0 if all(row["share_of_100_ms_step"] < 0.05 for row in report.values()) else 1)


if __name__ == "__main__":
    main()
