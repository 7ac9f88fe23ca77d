"""One manifest row → one clip, whatever kind of media it names."""

import hashlib
import os
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.frame_times import Interval, Sampling
from t2s.data.manifest import ManifestRow
from t2s.data.pixels import FramePainter, Pixels
from t2s.data.safe_open import open_regular
from t2s.data.stills import decode_stills, is_still_pattern, still_paths
from t2s.data.video import VideoRequest, decode_video

_SLOWEST_DISK = 10e6  # bytes a second, with all workers reading at once


@dataclass(frozen=True)
class DecodedClip:
    """`pixels`: (F, H, W, 3) uint8 RGB. `fps`: of these frames. `source_frames`: how many the source had."""

    pixels: Pixels
    fps: float
    source_frames: int


def read_clip(root: Path, row: ManifestRow, config: DataConfig) -> DecodedClip:
    """Decode, sample, crop and resize one clip from below the folder `root`.

    Raises:
        MediaError: for whatever is wrong with the file or with what the row says of it.
    """
    request = VideoRequest(
        interval=Interval(row.start_s, row.end_s),
        sampling=Sampling(config.num_frames, config.sampling, config.fps),
        limits=config.decode,
        make_painter=lambda aspect: FramePainter(config.image_size, config.crop, row.box, aspect).paint,
    )
    if is_still_pattern(row.path):
        frames, selection = decode_stills(root, row.path, row.fps, request)
    else:
        handle = open_regular(root, row.path)
        try:
            frames, selection = decode_video(handle, request)
        finally:
            os.close(handle)
    return DecodedClip(np.stack(frames), selection.fps, selection.source_frames)


def media_digest(root: Path, path: str, limit_s: float) -> str:
    """SHA-256 of a file, or of all the pictures a pattern stands for.

    Raises:
        MediaError: also `time`, where a file takes `limit_s` seconds longer than its place on a slow disk explains: a
            sparse one may be far longer than any disk.
    """
    digest = hashlib.sha256()
    for file_path in still_paths(root, path) if is_still_pattern(path) else [path]:
        with os.fdopen(open_regular(root, file_path), "rb", buffering=0) as file:
            try:
                digest.update(_sha256(file, limit_s))
            except OSError as error:
                raise MediaError("path", f"cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def _sha256(file: FileIO, limit_s: float) -> bytes:
    deadline = time.monotonic() + limit_s + os.fstat(file.fileno()).st_blocks * 512 / _SLOWEST_DISK
    sha, buffer = hashlib.sha256(), memoryview(bytearray(1 << 20))
    while length := file.readinto(buffer):
        sha.update(buffer[:length])
        if time.monotonic() > deadline:
            raise MediaError(
                "time", f"reading takes more than data.decode.time_s = {limit_s:g} beyond what its size explains"
            )
    return sha.digest()
