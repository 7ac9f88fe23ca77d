"""MLflow as the sender sees it: make a run, send batches to it. Sending a thing twice changes nothing.

MLflow's SQL store keeps (run, key, step, timestamp, value) unique, and a record's timestamp is fixed when it
is written, so a batch whose answer was lost can simply be sent again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isinf, nan
from pathlib import Path
from typing import Any, Protocol

from t2s import atomic
from t2s.tracking.buffer import Record
from t2s.tracking.environment import artifact_location, prepare_environment, tracking_uri

SQLITE = "sqlite:///"
TOKEN_TAG = "t2s.buffer"


class RunGoneError(Exception):
    """The MLflow run no longer exists (its database was deleted)."""


@dataclass
class Batch:
    """Metrics (key, value, time in ms, step), params and tags that go out together."""

    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.metrics) + len(self.params) + len(self.tags)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches that together hold this one's items (at least two)."""
        if self.metrics and (self.params or self.tags):
            return Batch(metrics=self.metrics), Batch(params=self.params, tags=self.tags)
        if self.params and self.tags:
            return Batch(params=self.params), Batch(tags=self.tags)
        middle = len(self) // 2
        first, second = (
            Batch(self.metrics[part], dict([*self.params.items()][part]), dict([*self.tags.items()][part]))
            for part in (slice(middle), slice(middle, None))
        )
        return first, second


class Store(Protocol):
    """What the sender needs. Every method raises when the server does not answer well."""

    uri: str

    def find_or_create_run(self, header: Record) -> str:
        """The run that belongs to the buffer with this header."""

    def send(self, run_id: str, batch: Batch) -> list[str]:
        """Send a batch; return a line for each item that the server refuses for good."""

    def send_artifact(self, run_id: str, path: Path, folder: str) -> None:
        """Send a file or a folder."""

    def set_status(self, run_id: str, status: str, time_ms: int) -> None:
        """Set RUNNING, or end the run."""


class MlflowStore:
    """The store at $MLFLOW_TRACKING_URI, or the SQLite one at `root`. Connects when first used."""

    def __init__(self, root: Path) -> None:
        prepare_environment()  # whichever method first imports mlflow
        self.uri = tracking_uri(root)
        self._root = root
        self._client: Any = None

    def find_or_create_run(self, header: Record) -> str:
        with _errors():
            client = self._connect()
            experiment_id = self._experiment(header["experiment"])
            if header["run_id"] is not None and self._is_active(header["run_id"]):
                return str(header["run_id"])
            # The answer to an earlier attempt may have been lost: look for its run first.
            found = client.search_runs([experiment_id], f"tags.`{TOKEN_TAG}` = '{header['token']}'", max_results=1)
            if found:
                return str(found[0].info.run_id)
            tags = {TOKEN_TAG: header["token"]}
            run = client.create_run(experiment_id, header["time_ms"], tags, run_name=header["name"])
            return str(run.info.run_id)

    def send(self, run_id: str, batch: Batch) -> list[str]:
        from mlflow.exceptions import MlflowException

        try:
            with _errors():
                self._log(run_id, batch)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            if self._client.get_run(run_id).info.lifecycle_stage == "deleted":
                raise RunGoneError(run_id) from None
            if len(batch) > 1:
                return [line for half in batch.halves() for line in self.send(run_id, half)]
            names = [*(metric[0] for metric in batch.metrics), *batch.params, *batch.tags]
            return [f"MLflow refuses {names[0]}: {error.message.splitlines()[0]}"]
        return []

    def send_artifact(self, run_id: str, path: Path, folder: str) -> None:
        with _errors():
            client = self._connect()
            if path.is_dir():
                client.log_artifacts(run_id, str(path), "/".join(filter(None, [folder, path.name])))
            else:
                client.log_artifact(run_id, str(path), folder or None)

    def set_status(self, run_id: str, status: str, time_ms: int) -> None:
        with _errors():
            if status == "RUNNING":
                self._connect().update_run(run_id, status=status)
            else:
                self._connect().set_terminated(run_id, status, time_ms)

    def _log(self, run_id: str, batch: Batch) -> None:
        from mlflow.entities import Metric, Param, RunTag

        # MLflow would store infinity as 1.8e308, which ruins every chart; NaN it keeps as NaN.
        metrics = [
            Metric(key, nan if isinf(value) else value, time_ms, step) for key, value, time_ms, step in batch.metrics
        ]
        params = [Param(key, value) for key, value in batch.params.items()]
        tags = [RunTag(key, value) for key, value in batch.tags.items()]
        self._connect().log_batch(run_id, metrics, params, tags)

    def _is_active(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False

    def _connect(self) -> Any:
        if self._client is None:
            from mlflow.tracking import MlflowClient

            if self.uri.startswith(SQLITE):
                create_database(Path(self.uri.removeprefix(SQLITE)))
            self._client = MlflowClient(self.uri)
        return self._client

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return str(self._client.create_experiment(name, artifact_location(self._root)))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                experiment = self._client.get_experiment_by_name(name)  # another process was faster
        return str(experiment.experiment_id)


def create_database(path: Path) -> None:
    """Create MLflow's SQLite database unless it is there, whole or not at all.

    Creating it in place takes seconds, fails when several processes do it at once ("table already exists"), and
    leaves a half one behind when killed.
    """
    from filelock import FileLock
    from mlflow.tracking import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            with atomic.replacing(path) as partial:
                MlflowClient(f"{SQLITE}{partial}")


@contextmanager
def _errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RunGoneError(error.message) from None
        raise
