import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.report.inputs import read_inputs
from t2s.report.model_card import plain, render_model_card
from t2s.report.page import render_page

PAGE = Path(__file__).parents[2] / "docs" / "model_card.md"


def test_it_names_figures_vocabulary_and_limits(make_run: Callable[[int], Path]) -> None:
    card = render_model_card(read_inputs(make_run(4)))
    for needed in ("hello, thank you, good, yes", "98.2%", "92.0%", "signers: 1", "inspired by ASL",
                   "No Deaf person has evaluated", "non-manual grammar", "not teaching material"):  # fmt: skip
        assert needed in card, needed
    assert "translat" not in card.lower()
    assert "<script" not in card


SIGNS, SENTENCES = "A word outside this list is named", "Other sentences can be asked for"


@pytest.mark.parametrize(
    ("noted", "tokenizer", "said"),
    [
        (True, "bpe", SIGNS),
        (False, "word", SENTENCES),
        (None, "word", SIGNS),
        (None, "bpe", SENTENCES),
    ],
)
def test_what_other_words_bring_depends_on_what_was_learned(
    make_run: Callable[[int], Path], tmp_path: Path, noted: bool | None, tokenizer: str, said: str
) -> None:
    root = shutil.copytree(make_run(4), tmp_path / "run")
    saved = load_checkpoint(root / "models/t2s.safetensors")
    metadata = {**saved.metadata, "config": {"model": {"text": {"tokenizer": tokenizer}}}, "lexical": noted}
    save_checkpoint(root / "models/t2s.safetensors", saved.tensors, metadata)
    card = render_model_card(read_inputs(root))
    assert said in card
    assert ("it makes no sentences" in card) == (said == SIGNS)


def test_thousands_of_captions_are_counted_and_not_published(make_run: Callable[[int], Path], tmp_path: Path) -> None:
    root = shutil.copytree(make_run(4), tmp_path / "run")
    saved = load_checkpoint(root / "models/t2s.safetensors")
    captions = [f"sentence {number:04d} of a data set" for number in range(1234)]
    save_checkpoint(root / "models/t2s.safetensors", saved.tensors, saved.metadata | {"prompts": captions})
    for published in (render_model_card(read_inputs(root)), render_page(read_inputs(root))):
        assert "sentence 0099 of a data set … and 1,134 more" in published
        assert "sentence 0100" not in published


def test_without_a_run_it_says_that_nothing_was_measured(tmp_path: Path) -> None:
    card = render_model_card(read_inputs(tmp_path))
    assert card.count("not measured") >= 8
    assert "synthetic signer" not in card


def test_it_says_how_its_clips_were_sampled_and_what_bounds_are_no_intervals(make_run: Callable[[int], Path]) -> None:
    inputs = read_inputs(make_run(4))
    card = render_model_card(inputs)
    assert f"| Evaluated clips | sampled with {inputs.params.text('evaluate.sampler')}, " in card
    assert "| Fréchet distance in recogniser features, generated | 21.4 | 19 to 23.5 over random halves |" in card


def test_chance_is_called_chance_and_the_expected_share_stands_beside_the_measured_one(
    make_run: Callable[[int], Path],
) -> None:
    """Without a copy among them clips get the expected share, so the measured one alone would accuse the model."""
    rows = render_model_card(read_inputs(make_run(4))).splitlines()
    assert any(row.startswith("| The same clips, labels shuffled (chance) | 4.0% |") for row in rows)
    measured = rows.index("| Nearer to a training clip than real clips are | 1.0% | 0.0–3.0% |")
    assert rows[measured + 1] == "| … expected share | 5.0% | – |"


def test_the_page_shows_the_default_runs_card_with_the_rows_of_today(make_run: Callable[[int], Path]) -> None:
    card, page = render_model_card(read_inputs(make_run(4))), PAGE.read_text("utf-8")
    assert measures(page) == measures(card)


def measures(text: str) -> list[str]:
    """The first column of the table of figures."""
    table = text.split("| measure | value |")[1].split("\n\n")[0]
    return re.findall(r"^\| (.+?) \|", table, re.MULTILINE)


def test_plain_text_stays_plain() -> None:
    assert plain("a|b\n<i> *c* [d](e)") == "a\\|b &lt;i> \\*c\\* \\[d\\](e)"
