"""Whether the weights began with some that learned from other clips."""

from collections.abc import Mapping

from t2s.provenance import learned_digests
from t2s.report.blocks import Note
from t2s.report.inputs import Inputs


def origins(inputs: Inputs) -> list[Note]:
    """One notice where train.init named a model of other clips: it may have learned from what is held out now."""
    checkpoint, store = inputs.checkpoint.content, inputs.store
    if store is None or not isinstance(checkpoint, Mapping):
        return []
    if all(digest == store.learned_digest for digest in learned_digests(checkpoint)[1:]):
        return []
    begun = inputs.checkpoint.text("init.fingerprint") or "another model"
    text = (
        f"The training began with the weights of {begun}, which learned from other clips: if clips or people that are "
        "held out now were among them, the figures flatter."
    )
    return [Note("notice", text, "make sure that none were; the model becomes no champion")]
