"""Writing data/clips: one clip in memory at a time, and the old folder stays until the new one is whole."""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from t2s import atomic, lock
from t2s.data.clips import (
    CHANNELS,
    DTYPE,
    INDEX_NAME,
    META_NAME,
    ClipRecord,
    ClipsMeta,
    index_digest,
    sealed_meta,
    to_index_line,
    to_model_range,
)
from t2s.errors import UserError


class ShardWriter:
    """Write clips in order into a folder beside `folder`, which takes its place on success.

    A full disk, or another process that writes the folder, raises UserError; `folder` is then as it was before.

    >>> with ShardWriter(folder, num_frames=16, image_size=64, clips_per_shard=128, source={}) as writer:
    ...     writer.add(pixels, clip_id="a", text="hello", sign="hello", signer="s1", split="train",
    ...                fps=8.0, source_frames=16, licence="CC0-1.0")
    """

    def __init__(
        self,
        folder: Path,
        *,
        num_frames: int,
        image_size: int,
        clips_per_shard: int,
        source: Mapping[str, Any],
    ) -> None:
        self._folder = folder
        self._staging = folder.with_name(f".{folder.name}-partial")
        self._locked = folder.with_name(f".{folder.name}-writing")
        self._clip_shape = (num_frames, image_size, image_size, CHANNELS)
        self._clips_per_shard = clips_per_shard
        self._source = source
        self._index: list[bytes] = []
        self._open_shard: ExitStack | None = None
        self._file: BufferedRandom | None = None
        self._rows = 0

    def add(self, pixels: npt.NDArray[np.uint8], **described: Any) -> ClipRecord:
        """Append one clip, (F, H, W, 3) uint8; `described`: ClipRecord's other fields."""
        if pixels.shape != self._clip_shape or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._clip_shape}, got {pixels.dtype} {pixels.shape}")
        return self.add_stored(to_model_range(pixels), **described)

    def add_stored(self, stored: npt.NDArray[Any], **described: Any) -> ClipRecord:
        """Append one clip as it shall stand on disk, (F, H, W, 3) float16, unchecked values."""
        if self._rows == self._clips_per_shard or self._file is None:
            self._close_shard()
            self._start_shard()
        assert self._file is not None
        content = np.ascontiguousarray(stored, dtype=DTYPE).tobytes()
        self._file.write(content)
        record = ClipRecord(
            **described, shard=self._shard_name(), row=self._rows, sha256=hashlib.sha256(content).hexdigest()
        )
        self._rows += 1
        self._index.append(to_index_line(record))
        return record

    def __enter__(self) -> Self:
        try:
            lock.acquire(self._locked)
        except lock.InUseError as error:
            raise UserError(
                f"{self._folder}: another process (pid {error.pid}) is writing it; wait for it or stop it"
            ) from None
        except OSError as error:
            raise UserError(f"{self._folder}: cannot be written ({error.strerror}); free space, run again") from None
        shutil.rmtree(self._staging, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
            elif self._open_shard is not None:
                self._open_shard.__exit__(kind, error, trace)
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)
            lock.release(self._locked)

    def _finish(self) -> None:
        self._close_shard()
        index = b"".join(self._index)
        num_frames, image_size, _, _ = self._clip_shape
        meta = ClipsMeta(
            num_clips=len(self._index),
            num_frames=num_frames,
            image_size=image_size,
            digest=index_digest(index),
            source=self._source,
        )
        atomic.write_bytes(self._staging / INDEX_NAME, index)
        atomic.write_json(self._staging / META_NAME, sealed_meta(meta))
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._staging.rename(self._folder)

    def _shard_name(self) -> str:
        return f"shard-{(len(self._index) - self._rows) // self._clips_per_shard:05d}.npy"

    def _start_shard(self) -> None:
        self._rows = 0
        self._open_shard = ExitStack()
        partial = self._open_shard.enter_context(atomic.replacing(self._staging / self._shard_name()))
        self._file = self._open_shard.enter_context(partial.open("w+b"))
        self._write_header(self._clips_per_shard)

    def _close_shard(self) -> None:
        if self._open_shard is None or self._file is None:
            return
        # numpy pads the header so that the first axis may be rewritten in place once its length is known.
        self._file.seek(0)
        self._write_header(self._rows)
        self._open_shard.close()
        self._open_shard, self._file = None, None

    def _write_header(self, rows: int) -> None:
        assert self._file is not None
        described = {
            "descr": np.lib.format.dtype_to_descr(DTYPE),
            "fortran_order": False,
            "shape": (rows, *self._clip_shape),
        }
        np.lib.format.write_array_header_1_0(self._file, described)
