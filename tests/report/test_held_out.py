"""That signers are unseen is said only where the data bear it out: in the page, the card and under every real clip."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2s.data.clips import ClipsMeta, ClipStore, index_digest, sealed_meta
from t2s.report.blocks import Gallery
from t2s.report.held_out import held_out_clips, new_signers, real_example
from t2s.report.inputs import read_inputs
from t2s.report.model_card import render_model_card
from t2s.report.page import render_page
from t2s.report.sections.clips import clips

MakeRun = Callable[[int], Path]
Change = Callable[[dict[str, Any]], dict[str, Any]]
CLAIM = re.compile(r"unseen|never (seen|saw)|training signers", re.IGNORECASE)


def shared(record: dict[str, Any]) -> dict[str, Any]:
    """One person signs everything."""
    return {**record, "signer": "ada"}


def unnamed(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "signer": ""}


def second_person(record: dict[str, Any]) -> dict[str, Any]:
    """Of the held-out clips, that of "thank you" names nobody."""
    return {**record, "signer": "" if record["clip_id"] == "test-thank you" else record["signer"]}


def unchanged(record: dict[str, Any]) -> dict[str, Any]:
    return record


@pytest.fixture
def run_with(make_run: MakeRun, tmp_path: Path) -> Callable[..., Path]:
    """run_with(change, split_key) -> a run whose index and source say something else."""

    def make(change: Change, split_key: str = "signer") -> Path:
        root = tmp_path / "run"
        shutil.copytree(make_run(4), root)
        index = root / "data/clips/index.jsonl"
        lines = [json.dumps(change(json.loads(line)), ensure_ascii=False) for line in index.read_text().splitlines()]
        index.write_text("".join(f"{line}\n" for line in lines))
        about = root / "data/clips/clips.json"
        meta = json.loads(about.read_text())
        del meta["seal"]
        meta["digest"] = index_digest(index.read_bytes())
        meta["source"]["split_key"] = split_key
        about.write_text(json.dumps(sealed_meta(ClipsMeta(**meta))))
        return root

    return make


def test_signers_split_apart_are_called_unseen(run_with: Callable[..., Path]) -> None:
    inputs = read_inputs(run_with(unchanged))
    assert new_signers(inputs.store) == {"test"}
    assert held_out_clips(inputs.store) == "real clips of unseen signers"
    page, card = render_page(inputs), render_model_card(inputs)
    assert "of real clips of unseen signers it gets 98.2%" in page and "Real clips of unseen signers (ceiling)" in page
    assert "| Held out | evaluated, and watched while training: 4 clips of 1 signer the model never saw |" in card
    assert "Ceiling: real clips of unseen signers recognised" in card


@pytest.mark.parametrize(
    ("change", "split_key"),
    [(shared, "signer"), (unnamed, "signer"), (unchanged, "given"), (unchanged, "video"), (unnamed, "video")],
)
def test_signers_that_may_be_known_are_not_called_unseen(
    run_with: Callable[..., Path], change: Change, split_key: str
) -> None:
    inputs = read_inputs(run_with(change, split_key))
    assert not new_signers(inputs.store)
    page, card = render_page(inputs), render_model_card(inputs)
    prose = page.replace("a real clip that the model has never seen", "")  # of clips, it is true
    assert CLAIM.search(prose) is None
    assert "hello: real, held-out clip, generated" in page
    assert "of real held-out clips it gets 98.2%" in page and "Real held-out clips (ceiling)" in page
    assert CLAIM.search(card) is None
    assert "| Held out | evaluated, and watched while training: 4 clips |" in card
    assert "Ceiling: real held-out clips recognised" in card


def test_nobody_is_no_signer(run_with: Callable[..., Path]) -> None:
    """A clip that names none is not counted as a person, and not shown as one by an unseen person."""
    root = run_with(second_person)
    store = ClipStore.open(root / "data/clips")
    found = {prompt: real_example(store, prompt) for prompt in ("hello", "thank you")}
    assert [example and example[0] for example in found.values()] == ["real, unseen signer", "real, held-out clip"]
    card = render_model_card(read_inputs(root))
    assert (
        "| Held out | evaluated, and watched while training: 4 clips with at least 1 signer the model never saw |"
        in card
    )


def test_the_card_tells_the_clips_that_were_evaluated_from_those_that_the_training_watched(
    run_with: Callable[..., Path],
) -> None:
    def one_watched(record: dict[str, Any]) -> dict[str, Any]:
        watched = record["clip_id"] == "test-hello"
        return {**record, "split": "val", "signer": "ada"} if watched else record

    never = "the model never saw"
    row = f"evaluated: 3 clips of 1 signer {never}; watched while training: 1 clip of 1 signer {never}"
    assert f"| Held out | {row} |" in render_model_card(read_inputs(run_with(one_watched)))


def test_the_card_counts_named_train_signers(run_with: Callable[..., Path]) -> None:
    card = render_model_card(read_inputs(run_with(unnamed, "video")))
    assert "| Training data | 4 clips; signers: – |" in card


def test_a_clip_trained_on_is_not_called_never_seen(run_with: Callable[..., Path]) -> None:
    def all_of_hello_in_train(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "split": "train" if record["text"] == "hello" else record["split"], "signer": ""}

    section = clips(read_inputs(run_with(all_of_hello_in_train)))
    assert "for 1 of 4 prompts only one that was trained on" in section.intro
    assert "never seen" not in section.intro
    gallery = section.blocks[0]
    assert isinstance(gallery, Gallery)
    assert [player.panels[0] for player in gallery.players if player.title == "hello"] == ["real, trained on"]


def test_without_clips_nothing_is_claimed(tmp_path: Path) -> None:
    inputs = read_inputs(tmp_path)
    assert CLAIM.search(render_page(inputs)) is None
    card = render_model_card(inputs)
    assert CLAIM.search(card) is None and "| Held out | – |" in card
