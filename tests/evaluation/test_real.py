"""Real clips as evaluation reads them."""

import logging
from pathlib import Path

import numpy as np
import pytest

from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.evaluation.real import RealClips

SOURCE = {"source": "made", "licence": "CC0-1.0", "language": "none", "split_key": "signer", "notes": ""}


def test_a_clip_that_was_trained_on_is_not_held_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else it lowers the yardstick of copies to nothing, and is read by heart."""
    rng = np.random.default_rng(0)
    with ShardWriter(tmp_path / "clips", num_frames=2, image_size=8, clips_per_shard=8, source=SOURCE) as writer:
        pixels = [rng.integers(0, 255, (2, 8, 8, 3), dtype=np.uint8) for _ in range(3)]
        for number, (split, which) in enumerate([("train", 0), ("train", 1), ("test", 1), ("test", 2)]):
            writer.add(
                pixels[which], clip_id=f"{number}", text="a", sign="a", signer=f"{number}", split=split, fps=8.0,
                source_frames=2, licence="CC0-1.0",
            )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        held_out = RealClips.held_out(ClipStore.open(tmp_path / "clips"))
    assert [record.clip_id for record in held_out.records] == ["3"]
    assert caplog.messages == ["1 held-out clips are left out: they are in the train split too"]
