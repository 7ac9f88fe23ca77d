"""What is done for one manifest row, on this machine or on a cluster's: judge, identify, decode unless finished."""

import functools
import hashlib
import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

import av
import cv2

from t2s.data import clip_reader, completeness, frame_times, line_problems, media_file, pixels, stills, video
from t2s.data.clip_reader import DecodedClip, media_digest
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow, caption_problem

_DECODING_MODULES = (clip_reader, completeness, frame_times, line_problems, media_file, pixels, stills, video)


@dataclass(frozen=True)
class Outcome:
    """A clip's key with its pixels, or without them where it was finished before; or why there is no clip."""

    key: str = ""
    clip: DecodedClip | None = None
    error: MediaError | None = None


def run_task(
    row: ManifestRow,
    config: DataConfig,
    finished: Container[str],
    digest_of: Callable[[str], str],
    decode: Callable[[ManifestRow], DecodedClip],
) -> Outcome:
    """Never raises for what a row or its file is to blame for. `digest_of`: of a path, see `digests`."""
    try:
        problem = caption_problem(row.text, config.max_caption_length)
        if problem is not None:
            raise MediaError("caption", problem)
        key = _clip_key(row, digest_of(row.path))
        return Outcome(key) if key in finished else Outcome(key, clip=decode(row))
    except MediaError as error:
        return Outcome(error=error)


def digests(root: Path, limit_s: float) -> Callable[[str], str]:
    """Media digests by path, each within `limit_s` seconds.

    They are remembered for a while, faults too: neighbouring rows often cut up one long file.
    """

    @functools.lru_cache(maxsize=1024)
    def found(path: str) -> str | MediaError:
        try:
            return media_digest(root, path, limit_s)
        except MediaError as error:
            return error

    def digest_of(path: str) -> str:
        digest = found(path)
        if isinstance(digest, MediaError):
            raise MediaError(digest.reason, digest.message)
        return digest

    return digest_of


def settings_key(config: DataConfig) -> str:
    """Names everything beside the media that decides the pixels: settings, limits, our code, the decoders."""
    settings = {
        **config.model_dump(include={"num_frames", "image_size", "sampling", "crop"}),
        "fps": config.fps if config.sampling == "fps" else None,
        **config.decode.model_dump(include={"max_pixels", "max_frames", "end_tolerance_s"}),
        "code": [hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest() for module in _DECODING_MODULES],
        "decoders": [av.library_versions, cv2.__version__],
    }
    return _digest_of(settings)[:16]


def _clip_key(row: ManifestRow, digest: str) -> str:
    return _digest_of([digest, row.start_s, row.end_s, row.box, row.fps])


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
