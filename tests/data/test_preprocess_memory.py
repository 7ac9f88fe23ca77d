"""How much memory preprocessing takes, however many clips there are."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t2s.data.config import DataConfig
from t2s.data.manifest import ManifestRow, write_manifest

FRAMES, SIZE = 8, 32
PREPROCESS = """
import resource, sys
from pathlib import Path
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.preprocess import preprocess
root, config = Path(sys.argv[1]), DataConfig.model_validate_json(sys.argv[2])
preprocess(root / "raw", root / "clips", root / "reports", root / "runs", config,
           PreprocessConfig(engine="processes", workers=1, dask_scheduler=None))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.fixture
def peak_mib(tmp_path: Path, encode_video: Callable[..., Path], make_config: Callable[..., DataConfig]) -> Any:
    """`peak_mib(count)`: the most memory that the stage's own process held over so many clips of one tiny video."""

    def measure(count: int) -> float:
        root = tmp_path / str(count)
        frames = np.random.default_rng(0).integers(0, 256, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
        encode_video(root / "raw/video.mp4", frames, codec="mpeg4", options={"qscale": "2"})
        where = ("hello", "hello", "s", "train", None, None, None, None, "CC0-1.0")
        write_manifest(root / "raw/manifest.csv", [ManifestRow(f"c{k}", "video.mp4", *where) for k in range(count)])
        source = {"source": "test", "media_root": ".", "licence": "CC0-1.0", "language": "none", "split_key": "given"}
        (root / "raw/source.json").write_text(json.dumps(source), encoding="utf-8")
        config = make_config(num_frames=FRAMES, image_size=SIZE, clips_per_shard=64).model_dump_json()
        command = [sys.executable, "-c", PREPROCESS, str(root), config]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return measure


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_clips(peak_mib: Callable[[int], float]) -> None:
    few, many = 300, 3000
    pixels_mib = (many - few) * FRAMES * SIZE * SIZE * 3 / 2**20
    assert pixels_mib > 60
    assert peak_mib(many) - peak_mib(few) < pixels_mib / 4  # a record for each, and no pixels
