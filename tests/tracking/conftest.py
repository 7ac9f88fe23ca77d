"""A real `mlflow server`, and servers that fail in the usual ways."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ports import free_port

from t2s.tracking.environment import SETTINGS

CREATE = (
    "import sys; from pathlib import Path; from t2s.tracking.store import create_database as c; c(Path(sys.argv[1]))"
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh MLflow database: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    subprocess.run(
        [sys.executable, "-c", CREATE, str(path)], check=True, env=os.environ | SETTINGS, capture_output=True
    )
    return path


class Broken(BaseHTTPRequestHandler):
    """Answers every request with 500."""

    def do_GET(self) -> None:
        self.send_error(500, "broken")

    do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None: ...


class MlflowServer:
    """`mlflow server` over its own SQLite file, started and killed at will on one port of 127.0.0.1."""

    def __init__(self, folder: Path, port: int) -> None:
        self.database = folder / "server.db"
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.database}", "--workers", "1"]
        command += ["--artifacts-destination", (self._folder / "artifacts").as_uri()]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | SETTINGS, start_new_session=True
            )
        deadline = time.monotonic() + 90
        while not self._answers():
            assert time.monotonic() < deadline, "mlflow server does not start"
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        """Send a signal to the server and all its workers."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self.signal(signal.SIGKILL)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """In its place: connections are accepted and never answered."""
        with socket.create_server(("127.0.0.1", self.port), backlog=128):
            yield

    @contextmanager
    def answering_500(self) -> Iterator[None]:
        """In its place: every request fails."""
        with ThreadingHTTPServer(("127.0.0.1", self.port), Broken) as broken:
            thread = threading.Thread(target=broken.serve_forever)
            thread.start()
            yield
            broken.shutdown()
            thread.join()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[MlflowServer]:
    """A server that is not started yet."""
    made = MlflowServer(tmp_path, free_port())
    shutil.copyfile(empty_database, made.database)
    yield made
    made.stop()
