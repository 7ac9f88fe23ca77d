"""Whether a model that judges or is judged learned from the clips it is shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.provenance import learned_digests


def require_same_clips(path: Path, metadata: Mapping[str, Any], store: ClipStore, stage: str) -> None:
    """Refuse the model at `path` where it learned from other clips: what is held out now, it may have learned.

    Clips it has not read may come and go: a model can be examined on more people than there were. `stage`: trains one
    on the clips of today.

    Raises:
        UserError: with the command that does.
    """
    if learned_from(metadata, store):
        return
    is_silent = metadata.get("learned_digest") is None
    why = "does not say which clips it learned from" if is_silent else f"learned from others than {store.folder}"
    raise UserError(
        f"{path}: {why}, so it may know clips that are held out now; `dvc repro {stage}` trains one on these"
    )


def learned_from(metadata: Mapping[str, Any], store: ClipStore) -> bool:
    """Whether these are the clips that a model learned from, as its file says."""
    learned = metadata.get("learned_digest")
    return learned == store.learned_digest or (learned is None and metadata.get("data_digest") == store.digest)


def began_elsewhere(metadata: Mapping[str, Any], store: ClipStore) -> bool:
    """Whether the training began with weights (`train.init`) that learned from other clips, or from unknown ones."""
    return any(digest != store.learned_digest for digest in learned_digests(metadata)[1:])
