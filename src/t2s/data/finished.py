"""Clips already decoded, kept outside DVC's outs so that a killed preprocess goes on where it stopped.

Two files that only grow: pixels.bin, one record per clip, and finished.jsonl, a line per record written after it. A
line that a crash cut short, or whose record does not match its digest, does not count.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from t2s import lock
from t2s.data.clip_reader import DecodedClip
from t2s.errors import UserError


@dataclass(frozen=True)
class _Line:
    key: str
    position: int
    fps: float
    source_frames: int
    sha256: str


class FinishedClips:
    """Clips by key, in `folder`, which one process at a time may hold. A context manager.

    Raises:
        UserError: another process holds the folder (its pid is named), or the disk is full.
    """

    def __init__(self, folder: Path, clip_shape: tuple[int, ...]) -> None:
        self._folder = folder
        self._shape = clip_shape
        self._size = int(np.prod(clip_shape))
        self._lines: dict[str, _Line] = {}
        self._records = 0

    def __enter__(self) -> Self:
        try:
            self._take()
        except OSError as error:
            lock.release(self._folder)
            raise UserError(f"{self._folder}: cannot be written ({error.strerror})") from None
        return self

    def _take(self) -> None:
        try:
            lock.acquire(self._folder)
        except lock.InUseError as error:
            raise UserError(f"{self._folder}: already preprocessing into it, pid {error.pid}") from None
        self._pixels = self._open("pixels.bin")
        self._log = self._open("finished.jsonl")
        self._read()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._pixels)
        os.close(self._log)
        lock.release(self._folder)

    def __len__(self) -> int:
        return len(self._lines)

    def keys(self) -> frozenset[str]:
        """The keys of all clips held."""
        return frozenset(self._lines)

    def get(self, key: str) -> DecodedClip:
        """One clip. Raises KeyError."""
        line = self._lines[key]
        pixels = np.frombuffer(self._record(line.position), dtype=np.uint8).reshape(self._shape)
        return DecodedClip(pixels, line.fps, line.source_frames)

    def put(self, key: str, clip: DecodedClip) -> None:
        """Keep one clip; a key that is there already stays as it is."""
        if key in self._lines:
            return
        content = clip.pixels.tobytes()
        digest = hashlib.sha256(content).hexdigest()
        line = _Line(key, self._records, clip.fps, clip.source_frames, digest)
        try:
            _write_all(self._pixels, content, offset=self._records * self._size)
            _write_all(self._log, json.dumps(asdict(line)).encode() + b"\n", offset=os.fstat(self._log).st_size)
        except OSError as error:
            raise UserError(f"{self._folder}: cannot be written ({error.strerror}); free space, run again") from None
        self._lines[key] = line
        self._records += 1

    def _read(self) -> None:
        content = os.pread(self._log, os.fstat(self._log).st_size, 0)
        whole = content[: content.rfind(b"\n") + 1]
        os.ftruncate(self._log, len(whole))
        for text in whole.splitlines():
            try:
                line = _Line(**json.loads(text))
            except (ValueError, TypeError):  # damaged: that clip is decoded again
                continue
            self._records = max(self._records, line.position + 1)
            if hashlib.sha256(self._record(line.position)).hexdigest() == line.sha256:
                self._lines[line.key] = line

    def _record(self, position: int) -> bytes:
        return os.pread(self._pixels, self._size, position * self._size)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _write_all(handle: int, content: bytes, offset: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(handle, content[written:], offset + written)
