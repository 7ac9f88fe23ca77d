"""Whether a model that judges or is judged learned from the clips it is shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2s.data.clips import ClipStore
from t2s.errors import UserError


def require_same_clips(path: Path, metadata: Mapping[str, Any], store: ClipStore, stage: str) -> None:
    """Refuse the model at `path` where it learned from other clips: what is held out now, it may have learned.

    Clips it has not read may come and go: a model can be examined on more people than there were. `stage`: trains it.

    Raises:
        UserError: with the command that trains it on these clips.
    """
    if metadata.get("learned_digest") != store.learned_digest:
        raise UserError(
            f"{path}: learned from other clips than those in {store.folder}, so it may know what is held out now; "
            f"`dvc repro {stage}` trains it on these"
        )
