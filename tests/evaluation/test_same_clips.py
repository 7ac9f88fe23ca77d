"""Nobody judges, or is judged, on clips that may have been learned."""

from collections.abc import Callable
from pathlib import Path

import pytest

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.same_clips import require_same_clips


@pytest.mark.parametrize("stage", ["recogniser", "train"])
def test_a_model_of_other_clips_is_refused(write_clips: Callable[[Path], None], tmp_path: Path, stage: str) -> None:
    """The same words, another split: what is held out now was learnt then."""
    write_clips(tmp_path / "clips")
    store, path = ClipStore.open(tmp_path / "clips"), Path("models/t2s.safetensors")
    require_same_clips(path, {"data_digest": store.digest}, store, stage)
    with pytest.raises(UserError, match=rf"^models/t2s\.safetensors: learned from other clips .*`dvc repro {stage}`"):
        require_same_clips(path, {"data_digest": "0" * 64}, store, stage)
