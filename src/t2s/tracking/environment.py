"""MLflow's environment variables, set before it is imported: where it stores, no telemetry, short timeouts."""

import os
from pathlib import Path

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds; the default of 120 with 7 retries waits for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def prepare_environment() -> None:
    """Set what the user has not set. Call it before importing mlflow."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


def tracking_uri(root: Path) -> str:
    """$MLFLOW_TRACKING_URI, or the SQLite store at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / 'mlflow.db'}"


def artifact_location(root: Path) -> str | None:
    """Where files of the local store go; None when a server decides."""
    return None if os.environ.get("MLFLOW_TRACKING_URI") else (root.resolve() / "mlartifacts").as_uri()
