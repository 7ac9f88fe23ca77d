"""The data and preprocess sections refuse what cannot be meant."""

from typing import Any

import pytest
from pydantic import ValidationError

from t2s.data.config import PreprocessConfig


@pytest.mark.parametrize(
    "changes",
    [
        {"num_frames": 0},
        {"image_size": 4},
        {"sampling": "random"},
        {"crop": "center"},
        {"max_quarantine_fraction": 1.5},
        {"source": "youtube"},
        {"source": "wlasl", "root": None},
        {"val_fraction": 1.0},
        {"val_fraction": 0.6, "test_fraction": 0.4},
        {"clips_per_shard": 0},
        {"numframes": 8},
        {"decode": {"time_s": 0}},
    ],
)
def test_data(changes: dict[str, Any], make_config) -> None:
    with pytest.raises(ValidationError):
        make_config(**changes)


def test_the_synthetic_signer_needs_no_root(make_config) -> None:
    assert make_config(source="synthetic", root=None).root is None
    assert make_config(source="auto", root=None).root is None


@pytest.mark.parametrize(("key", "value"), [("root", "/videos"), ("subset", "nslt_100"), ("max_clips", 100)])
def test_what_the_synthetic_signer_does_not_heed_is_refused(key: str, value: object, make_config) -> None:
    with pytest.raises(ValidationError, match=f"data.{key} has no effect on the synthetic signer"):
        make_config(**{"source": "synthetic", "root": None, key: value})
    assert not make_config(**{"source": "folder", "root": "/videos", key: value}).is_synthetic


def test_dask_needs_a_scheduler() -> None:
    with pytest.raises(ValidationError, match="dask_scheduler"):
        PreprocessConfig(engine="dask", workers=None, dask_scheduler=None)
    assert PreprocessConfig(engine="dask", workers=None, dask_scheduler="tcp://a:8786").engine == "dask"
