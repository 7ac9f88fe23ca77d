"""A decoder in a child process with a time limit; when it dies, that costs one clip and a restart."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import numpy as np

import t2s
from t2s.data.clip_reader import DecodedClip
from t2s.data.clips import CHANNELS
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError, Reason
from t2s.data.manifest import ManifestRow

_START_S = 120.0  # how long imports may take on a busy machine
_LONGEST_HEADER = 1 << 16
_CLIPS_PER_PROCESS = 500  # then a fresh one, so that no leak of a codec adds up


class DecoderProcess:
    """One `decode_worker`, started when first needed and again after each death. A context manager."""

    def __init__(self, root: Path, config: DataConfig) -> None:
        self._root = root
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._interrupted = False

    def decode(self, row: ManifestRow) -> DecodedClip:
        """Decode one clip.

        Raises:
            MediaError: what the file is to blame for, `time` and `crash` among it.
        """
        served_before = self._served
        try:
            return self._decode_once(row)
        except MediaError as error:
            if error.reason not in ("memory", "crash") or served_before == 0 or self._interrupted:
                raise
        return self._decode_once(row)  # what earlier clips left behind, a death between two: not this file's fault

    def interrupt(self) -> None:
        """Kill the child from another thread; the clip in work ends in `crash`, and none is tried again."""
        self._interrupted = True
        if self._process is not None:
            self._process.kill()

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

    def _decode_once(self, row: ManifestRow) -> DecodedClip:
        if self._served >= _CLIPS_PER_PROCESS:
            self.close()
        process = self._process or self._start()
        self._served += 1
        limit_s = self._config.decode.time_s
        try:
            self._send(process, asdict(row))
            reader = _Reader(process, time.monotonic() + limit_s)
            header = reader.header()
            if "reason" in header:
                raise MediaError(_known(header["reason"]), str(header["message"]))
            size = self._config.image_size
            shape = (self._config.num_frames, size, size, CHANNELS)
            pixels = np.frombuffer(reader.exactly(int(np.prod(shape))), dtype=np.uint8).reshape(shape)
        except TimeoutError:
            self.close()
            raise MediaError("time", f"decoding takes more than data.decode.time_s = {limit_s:g}") from None
        except (EOFError, BrokenPipeError):
            process.wait()
            code = process.returncode
            self.close()
            raise MediaError("crash", f"the decoder died ({_describe(code)})") from None
        except MediaError as error:
            if error.reason == "memory":
                self.close()
            raise
        return DecodedClip(pixels, float(header["fps"]), int(header["source_frames"]))

    def _start(self) -> subprocess.Popen[bytes]:
        source = str(Path(t2s.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "t2s.data.decode_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._process = process
        try:
            self._send(process, {"root": str(self._root), "config": self._config.model_dump()})
            _Reader(process, time.monotonic() + _START_S).header()
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise RuntimeError("no decoder could be started; try: python -m t2s.data.decode_worker") from error
        return process

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
        header: dict[str, Any] = json.loads(line)
        return header

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        return bytes(self._buffer)

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
    for known in get_args(Reason):
        if reason == known:
            return known  # type: ignore[no-any-return]
    return "crash"


def _describe(exit_code: int) -> str:
    if exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
