"""Rows → outcomes on a dask cluster whose workers see the media under the same path (extra: dask)."""

import importlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from t2s.data.config import DataConfig
from t2s.data.decode_task import Outcome, digests, run_task, settings_key
from t2s.data.decoder_process import DecoderProcess
from t2s.data.local_engine import in_order
from t2s.data.manifest import ManifestRow
from t2s.errors import UserError

_ROWS_PER_TASK = 32
_PATIENCE_S = 30
_TASKS_PER_THREAD = 3  # enough to keep every thread busy while results travel

_local = threading.local()


def run_on_dask(
    rows: Sequence[ManifestRow], root: Path, config: DataConfig, finished: frozenset[str], scheduler: str
) -> Iterator[Outcome]:
    """The outcome of each row, in order.

    Raises:
        UserError: dask is not installed, no scheduler answers, it has no workers, or they would decode otherwise.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise UserError("preprocess.engine: dask needs `pip install -e '.[dask]'` in t2s's checkout") from None
    try:
        client = distributed.Client(scheduler, set_as_default=False, timeout=f"{_PATIENCE_S}s")
    except (OSError, ValueError) as error:
        raise UserError(f"preprocess.dask_scheduler = {scheduler}: no answer ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError:
            raise UserError(f"preprocess.dask_scheduler = {scheduler}: no worker came in {_PATIENCE_S} s") from None
        if others := {who for who, key in client.run(settings_key, config).items() if key != settings_key(config)}:
            raise UserError(
                f"preprocess.dask_scheduler = {scheduler}: {', '.join(sorted(others))} decode with other code or other "
                "libraries than this machine; install the same versions there"
            )
        (known,) = client.scatter([finished], broadcast=True, hash=False)
        threads = sum(client.nthreads().values())
        batches = (rows[start : start + _ROWS_PER_TASK] for start in range(0, len(rows), _ROWS_PER_TASK))
        for outcomes in in_order(
            batches,
            lambda batch: client.submit(_run_batch, batch, root, config, known, pure=False),
            max(1, threads) * _TASKS_PER_THREAD,
        ):
            yield from outcomes


def _run_batch(rows: Sequence[ManifestRow], root: Path, config: DataConfig, finished: frozenset[str]) -> list[Outcome]:
    digest_of, decode = digests(root, config.decode.time_s), _decoder(root, config).decode
    return [run_task(row, config, finished, digest_of, decode) for row in rows]


def _decoder(root: Path, config: DataConfig) -> DecoderProcess:
    """This thread's decoder; it ends with the dask worker, when its stdin closes."""
    if getattr(_local, "made_for", None) != (root, config):
        _local.decoder, _local.made_for = DecoderProcess(root, config), (root, config)
    decoder: DecoderProcess = _local.decoder
    return decoder
