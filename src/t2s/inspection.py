"""What a file made by t2s says of itself: a checkpoint or a generated clip, and the MLflow run it belongs to."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2s.checkpoint import require_kind
from t2s.data.encode import read_media_metadata
from t2s.errors import UserError
from t2s.provenance import UNKNOWN, project_root
from t2s.sealed import read_header
from t2s.tracking.environment import prepare_environment, tracking_uri
from t2s.tracking.store import SQLITE

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

KINDS = ("checkpoint", "recogniser")
MEDIA = (".mp4", ".gif", ".png")
# Of a checkpoint's metadata; the tokenizer and the full parameters are long and of no use to a reader.
SHOWN = (
    "fingerprint", "step", "epoch", "prompts", "language", "licence", "git_revision", "software_version",
    "data_digest", "learned_digest", "init", "digest", "config",
)  # fmt: skip


def describe(file: Path) -> dict[str, Any]:
    """Facts by name; `mlflow` says how to find the run.

    Raises:
        UserError: no such file, neither a checkpoint nor a clip, or a clip that t2s did not make.
    """
    if file.suffix.lower() in MEDIA:
        return _describe_clip(file)
    header = read_header(file)
    metadata = header.metadata
    kind = metadata.get("kind")
    require_kind(file, metadata, kind if kind in KINDS else KINDS[0])
    return {
        "file": str(file),
        "kind": metadata["kind"],
        **{key: metadata[key] for key in SHOWN if key in metadata},
        "tensors": len(header.entries),
        "mlflow": find_run(metadata.get("mlflow_run_id"), project_root(), metadata.get("fingerprint")),
    }


def find_run(run_id: str | None, root: Path, fingerprint: str | None = None) -> dict[str, Any]:
    """Where the run is kept and how to open it. Looks it up, but neither creates a store nor waits long.

    A file that names no run was written before MLflow had made one; then the last with its fingerprint is looked for.
    """
    named = None if run_id in (None, "", "null", UNKNOWN) else run_id  # clips spell None as JSON
    if named is None and not fingerprint:
        return {"run_id": None, "found": False, "reason": "the file names no MLflow run"}
    uri = tracking_uri(root)
    facts: dict[str, Any] = {"run_id": named, "tracking_uri": uri, **(_ways_to_open(uri, named) if named else {})}
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        return {**facts, "found": False, "reason": "the store is not on this machine"}
    prepare_environment()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # MLflow asks SQLAlchemy for what it will drop one day
        client = MlflowClient(uri)
        try:
            run = client.get_run(named) if named else _last_with(client, str(fingerprint))
        except MlflowException as error:
            return {**facts, "found": False, "reason": str(error).splitlines()[0]}
    if run is None:
        return {**facts, "found": False, "reason": "the file names no MLflow run, and none there has its fingerprint"}
    facts |= {"run_id": run.info.run_id, **_ways_to_open(uri, run.info.run_id)}
    return {**facts, "found": True, "name": run.info.run_name, "status": run.info.status}


def _last_with(client: "MlflowClient", fingerprint: str) -> "Run | None":
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    # No quote in what a file says of itself may reach the filter.
    wanted = "".join(character for character in fingerprint if character.isalnum())
    found = client.search_runs(
        experiments, f"tags.`t2s.fingerprint` = '{wanted}'", max_results=1, order_by=["attributes.start_time DESC"]
    )
    return found[0] if found else None


def _describe_clip(file: Path) -> dict[str, Any]:
    facts = read_media_metadata(file)
    if "fingerprint" not in facts:
        raise UserError(f"{file}: carries no metadata of t2s; it was not made by t2s, or was re-encoded")
    run_id = facts.pop("mlflow_run_id", None)
    return {
        "file": str(file),
        "kind": "clip",
        **facts,
        "mlflow": find_run(run_id, project_root(), facts["fingerprint"]),
    }


def _ways_to_open(uri: str, run_id: str) -> dict[str, str]:
    page = f"/#/runs/{run_id}"
    if uri.startswith(("http://", "https://")):
        return {"link": uri.rstrip("/") + page}
    return {"command": f"mlflow ui --backend-store-uri {uri}", "link": f"http://127.0.0.1:5000{page}"}
