"""`python -m t2s.data.decode_worker`: decodes clips in a process of its own, which a bad file may bring down.

Starts from {"root", "config", "memory_mib"}; a request is a manifest row, its answer {"fps", "source_frames"} and the
clip's bytes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from t2s.data.clip_reader import read_clip
from t2s.data.config import DataConfig
from t2s.data.manifest import ManifestRow
from t2s.data.worker_loop import Answer, serve


def _decoder(start: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    root, config = Path(start["root"]), DataConfig.model_validate(start["config"])
    cv2.setNumThreads(1)

    def decode(fields: dict[str, Any]) -> Answer:
        row = ManifestRow(**{**fields, "box": tuple(fields["box"]) if fields["box"] else None})
        clip = read_clip(root, row, config)
        return {"fps": clip.fps, "source_frames": clip.source_frames}, clip.pixels.tobytes()

    return decode


if __name__ == "__main__":
    serve(_decoder)
