"""Rows → outcomes on this machine: one decoder process per core, results in the order of the rows."""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from t2s.cores import usable_cores
from t2s.data.config import DataConfig
from t2s.data.decode_task import Outcome, digests, run_task
from t2s.data.decoder_process import DecoderProcess
from t2s.data.manifest import ManifestRow

_WAITING_PER_WORKER = 4  # results held while an earlier one is slow: bounds memory

Item = TypeVar("Item")
Result = TypeVar("Result", covariant=True)


def run_locally(
    rows: Iterable[ManifestRow], root: Path, config: DataConfig, finished: frozenset[str], workers: int | None
) -> Iterator[Outcome]:
    """The outcome of each row, in order, whatever the number of workers (None = one per usable core)."""
    workers = workers or usable_cores()
    decoders = [DecoderProcess(root, config) for _ in range(workers)]
    idle: queue.SimpleQueue[DecoderProcess] = queue.SimpleQueue()
    for decoder in decoders:
        idle.put(decoder)

    digest_of = digests(root, config.decode.time_s)

    def task(row: ManifestRow) -> Outcome:
        decoder = idle.get()
        try:
            return run_task(row, config, finished, digest_of, decoder.decode)
        finally:
            idle.put(decoder)

    executor = ThreadPoolExecutor(workers)
    try:
        yield from in_order(rows, lambda row: executor.submit(task, row), workers * _WAITING_PER_WORKER)
    finally:
        for decoder in decoders:
            decoder.interrupt()
        executor.shutdown(wait=True, cancel_futures=True)
        for decoder in decoders:
            decoder.close()


class Pending(Protocol[Result]):
    """A future, of threads or of a cluster."""

    def result(self) -> Result:
        """Wait for it."""


def in_order(items: Iterable[Item], submit: Callable[[Item], Pending[Result]], most_waiting: int) -> Iterator[Result]:
    """Results in the order of the items, with at most `most_waiting` submitted ahead."""
    waiting: deque[Pending[Result]] = deque()
    for item in items:
        waiting.append(submit(item))
        if len(waiting) >= most_waiting:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
