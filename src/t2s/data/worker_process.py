"""A child process that answers requests about files, each within its time; when it dies, that costs one request."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import t2s
from t2s.data.faults import REASONS, MediaError, Reason
from t2s.errors import UserError

_START_S = 120.0  # how long imports may take on a busy machine
_LONGEST_HEADER = 1 << 16
_REQUESTS_PER_PROCESS = 500  # then a fresh one, so that no leak of a codec adds up


class WorkerProcess:
    """One `python -m <module>` that runs `worker_loop.serve`, started when first needed and again after each death.

    A context manager.
    """

    def __init__(self, module: str, start: dict[str, Any]) -> None:
        """`start`: the first message to each new process, with `memory_mib`, see `worker_loop`."""
        self._module = module
        self._start_message = start
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._interrupted = False

    def ask(self, request: dict[str, Any], limit_s: float, payload_bytes: int = 0) -> tuple[dict[str, Any], bytes]:
        """The answer to one request, and as many bytes as are to follow it.

        Raises:
            MediaError: what the file is to blame for, `crash` among it.
            TimeoutError: after `limit_s` seconds; the process is gone then.
        """
        served_before = self._served
        try:
            return self._ask_once(request, limit_s, payload_bytes)
        except MediaError as error:
            if error.reason not in ("memory", "crash") or served_before == 0 or self._interrupted:
                raise
        # What earlier requests left behind, a death between two: not this file's fault.
        return self._ask_once(request, limit_s, payload_bytes)

    def interrupt(self) -> None:
        """Kill the child from another thread; the request in work ends in `crash`, and none is tried again."""
        self._interrupted = True
        process = self._process  # another thread may close it meanwhile
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
            self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask_once(self, request: dict[str, Any], limit_s: float, payload_bytes: int) -> tuple[dict[str, Any], bytes]:
        if self._served >= _REQUESTS_PER_PROCESS:
            self.close()
        process = self._process or self._start()
        self._served += 1
        try:
            self._send(process, request)
            reader = _Reader(process, time.monotonic() + limit_s)
            header = reader.header()
            if "reason" in header:
                raise MediaError(_known(header["reason"]), str(header["message"]))
            return header, reader.exactly(payload_bytes)
        except TimeoutError:
            self.close()
            raise
        except (EOFError, BrokenPipeError, ValueError):  # gone, or no longer speaking as it should
            process.kill()
            process.wait()
            code = process.returncode
            self.close()
            raise MediaError("crash", f"the decoder died ({_describe(code)})") from None
        except MediaError as error:
            if error.reason == "memory":
                self.close()
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        self._refuse_if_interrupted()
        path = os.pathsep.join(filter(None, [str(Path(t2s.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._process = process
        try:
            self._send(process, self._start_message)
            _Reader(process, time.monotonic() + _START_S).header()
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            self._refuse_if_interrupted()
            raise UserError(f"no decoder could be started; what it says: python -m {self._module}") from error
        return process

    def _refuse_if_interrupted(self) -> None:
        if self._interrupted:
            raise MediaError("crash", "decoding was stopped")

    @staticmethod
    def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()


class _Reader:
    """Reads one reply before a deadline."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        assert process.stdout is not None
        self._handle = process.stdout.fileno()
        self._deadline = deadline
        self._buffer = bytearray()

    def header(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_HEADER:
                raise EOFError
            self._fill()
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        header = json.loads(line)
        if not isinstance(header, dict):
            raise EOFError
        return header

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        return bytes(self._buffer[:size])

    def _fill(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._handle, selectors.EVENT_READ)
            if not selector.select(max(0.0, self._deadline - time.monotonic())):
                raise TimeoutError
        chunk = os.read(self._handle, 1 << 20)
        if not chunk:
            raise EOFError
        self._buffer += chunk


def _known(reason: object) -> Reason:
    return cast(Reason, reason) if reason in REASONS else "crash"


def _describe(exit_code: int) -> str:
    if exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
