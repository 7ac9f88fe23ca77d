"""What a file made by t2s says of itself: a checkpoint or a generated clip, and the MLflow run it belongs to."""

from pathlib import Path
from typing import Any

from t2s.checkpoint import read_metadata
from t2s.data.encode import read_media_metadata
from t2s.errors import UserError
from t2s.provenance import UNKNOWN, project_root
from t2s.sealed import read_header
from t2s.tracking.environment import prepare_environment, tracking_uri
from t2s.tracking.store import SQLITE

MEDIA = (".mp4", ".gif", ".png")
# Of a checkpoint's metadata; the tokenizer and the full parameters are long and of no use to a reader.
SHOWN = (
    "fingerprint", "step", "epoch", "prompts", "language", "licence", "git_revision", "software_version",
    "data_digest", "digest", "config",
)  # fmt: skip


def describe(file: Path) -> dict[str, Any]:
    """Facts by name; `mlflow` says how to find the run.

    Raises:
        UserError: no such file, neither a checkpoint nor a clip, or a clip that t2s did not make.
    """
    if file.suffix.lower() in MEDIA:
        return _describe_clip(file)
    metadata = read_metadata(file)
    shapes = {entry.name: entry.shape for entry in read_header(file).entries}
    return {
        "file": str(file),
        "kind": "checkpoint",
        **{key: metadata[key] for key in SHOWN if key in metadata},
        "tensors": len(shapes),
        "mlflow": find_run(metadata.get("mlflow_run_id"), project_root()),
    }


def find_run(run_id: str | None, root: Path) -> dict[str, Any]:
    """Where the run is kept and how to open it. Looks it up, but neither creates a store nor waits long."""
    if run_id in (None, "", "null", UNKNOWN):  # clips spell None as JSON
        return {"run_id": None, "found": False, "reason": "the file names no MLflow run"}
    uri = tracking_uri(root)
    facts: dict[str, Any] = {"run_id": run_id, "tracking_uri": uri, **_ways_to_open(uri, run_id)}
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        return {**facts, "found": False, "reason": "the store is not on this machine"}
    prepare_environment()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        run = MlflowClient(uri).get_run(run_id)
    except MlflowException as error:
        return {**facts, "found": False, "reason": str(error).splitlines()[0]}
    return {**facts, "found": True, "name": run.info.run_name, "status": run.info.status}


def _describe_clip(file: Path) -> dict[str, Any]:
    facts = read_media_metadata(file)
    if "fingerprint" not in facts:
        raise UserError(f"{file}: carries no metadata of t2s; it was not made by `t2s sample`, or was re-encoded")
    run_id = facts.pop("mlflow_run_id", None)
    return {"file": str(file), "kind": "clip", **facts, "mlflow": find_run(run_id, project_root())}


def _ways_to_open(uri: str, run_id: str) -> dict[str, str]:
    page = f"/#/runs/{run_id}"
    if uri.startswith(("http://", "https://")):
        return {"link": uri.rstrip("/") + page}
    return {"command": f"mlflow ui --backend-store-uri {uri}", "link": f"http://127.0.0.1:5000{page}"}
