"""Nobody judges, or is judged, on clips that may have been learned."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.same_clips import began_elsewhere, require_same_clips

MODEL = Path("models/t2s.safetensors")


@pytest.fixture
def store(write_clips: Callable[[Path], None], tmp_path: Path) -> ClipStore:
    write_clips(tmp_path / "clips")
    store = ClipStore.open(tmp_path / "clips")
    splits = [("train", "val", "test")[row % 3] for row in range(len(store))]
    return replace(store, records=tuple(replace(r, split=s) for r, s in zip(store.records, splits, strict=True)))


@pytest.mark.parametrize("stage", ["recogniser", "train"])
def test_a_model_of_other_clips_is_refused(store: ClipStore, stage: str) -> None:
    """The same words, another split: what is held out now was learnt then."""
    learned = {"learned_digest": store.learned_digest}
    require_same_clips(MODEL, learned, store, stage)
    turned = {"train": "test", "test": "train", "val": "val"}
    exchanged = replace(store, records=tuple(replace(r, split=turned[r.split]) for r in store.records))
    others = "learned from others than .*clips"
    for other, noted, why in (
        (exchanged, learned, others),
        (store, {"learned_digest": "0" * 64, "data_digest": store.digest}, others),
        (store, {"data_digest": "0" * 64}, "does not say which clips it learned from"),
        (store, {}, "does not say which clips it learned from"),
    ):
        with pytest.raises(UserError, match=rf"^models/t2s\.safetensors: {why}, so it may .*`dvc repro {stage}`"):
            require_same_clips(MODEL, noted, other, stage)
    require_same_clips(MODEL, {"data_digest": store.digest}, store, stage)  # of before there was the other


def test_clips_that_it_never_read_may_come_and_go(store: ClipStore) -> None:
    learned = {"learned_digest": store.learned_digest}
    new = replace(next(r for r in store.records if r.split == "test"), clip_id="of another person", signer="new")
    more = replace(store, records=(new, *(replace(r, row=r.row + 1) for r in store.records)))
    fewer = replace(store, records=tuple(r for r in store.records if r.split != "test"))
    for other in (more, fewer):
        require_same_clips(MODEL, learned, other, "train")


@pytest.mark.parametrize("change", [{"text": "other"}, {"sha256": "0" * 64}, {"clip_id": "other"}, {"split": "test"}])
@pytest.mark.parametrize("split", ["train", "val"])
def test_whatever_it_read_of_a_clip_counts(store: ClipStore, split: str, change: dict[str, str]) -> None:
    first = next(place for place, r in enumerate(store.records) if r.split == split)
    records = [replace(r, **change) if place == first else r for place, r in enumerate(store.records)]
    assert replace(store, records=tuple(records)).learned_digest != store.learned_digest
    without_val = replace(store, records=tuple(r for r in store.records if r.split != "val"))
    assert without_val.validation_split == "test"  # which then is read too


def test_what_the_weights_began_with_may_know_what_is_held_out(store: ClipStore) -> None:
    here, elsewhere = store.learned_digest, "0" * 64
    assert not began_elsewhere({"learned_digest": here}, store)
    assert not began_elsewhere({"learned_digest": here, "init": {"learned_digest": here, "init": None}}, store)
    for before in (elsewhere, None):
        begun = {"learned_digest": here, "init": {"learned_digest": before, "init": None}}
        assert began_elsewhere(begun, store)
        assert began_elsewhere({"learned_digest": here, "init": {"learned_digest": here, "init": begun["init"]}}, store)
