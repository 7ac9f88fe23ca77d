"""What the page says of red flags: none is no praise where a check has not run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.report.blocks import Note
from t2s.report.flags import LOOKED_AT, flags
from t2s.report.inputs import read_inputs
from t2s.report.model_card import render_model_card
from t2s.report.page import render_page
from t2s.training.monitor import not_judged

PAST = {"name": "oscillating_loss", "level": "red", "epoch": 431, "message": "the loss swings by 30%",
        "advice": "halve the rate", "down": 433}  # fmt: skip


def notes(root: Path, **training: Any) -> list[Note]:
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports/training.json").write_text(json.dumps(training))
    return flags(read_inputs(root))


def test_what_was_not_judged_is_not_called_sound(tmp_path: Path) -> None:
    silent = {"text_ignored": 10, "oscillating_loss": 6, "noisy_samples": 15, "low_timesteps_stuck": 15}
    good, notice = notes(tmp_path, flags=[], came_down=[], not_judged=silent)
    assert (good.level, good.text) == ("good", "No red flags in training: output scale and gradients look sound.")
    assert notice.level == "notice"
    assert notice.text == (
        "Not judged yet: loss (from epoch 6), low timesteps (from epoch 15), samples (from epoch 15), "
        "use of the text (from epoch 10)."
    )
    assert "train.epochs" in notice.advice


def test_where_all_checks_judged_all_is_sound(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, flags=[], came_down=[], not_judged={})
    assert note.level == "good"
    assert all(what in note.text for what in LOOKED_AT.values())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5002, "output scale (held at 0.5 by model.output_scale_range),"),
        (2.0, "held at 2 by"),
        (0.6, "output scale,"),
    ],
)
def test_a_scale_that_rests_on_its_clamp_is_not_said_to_have_settled(
    make_run: Callable[[int], Path], tmp_path: Path, value: float, said: str
) -> None:
    root = shutil.copytree(make_run(4), tmp_path / "run")
    saved = load_checkpoint(root / "models/t2s.safetensors")
    config = {"model": {"output_scale_range": [0.5, 2.0]}}
    save_checkpoint(root / "models/t2s.safetensors", saved.tensors, saved.metadata | {"config": config})
    (note,) = notes(root, flags=[], came_down=[], not_judged={}, last={"output_scale": value})
    assert said in note.text


def test_where_no_check_judged_nothing_is_sound(tmp_path: Path) -> None:
    assert [note.level for note in notes(tmp_path, flags=[], not_judged=dict.fromkeys(LOOKED_AT, 15))] == ["notice"]


def test_what_a_training_cannot_measure_is_said_apart(tmp_path: Path) -> None:
    _, note = notes(tmp_path, flags=[], not_judged={"text_ignored": None})
    assert (note.level, note.text) == ("missing", "Not measured in this training: use of the text.")


def test_a_report_of_before_does_not_claim_what_it_cannot_know(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, flags=[])
    assert note.level == "missing"
    assert "sound" not in note.text


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        ([431], "the loss swings by 30% (raised in epoch 431, came down in 433)"),
        ([12, 431], "(raised in epoch 431, came down in 433; once before, first in epoch 12)"),
        ([12, 90, 431], "(raised in epoch 431, came down in 433; 2 times before, first in epoch 12)"),
    ],
)
def test_flags_that_came_down_are_told_with_their_epochs(tmp_path: Path, epochs: list[int], words: str) -> None:
    past = [PAST | {"epoch": epoch, "down": epoch + 2} for epoch in epochs]
    _, note = notes(tmp_path, flags=[], came_down=past, not_judged={})
    assert note.level == "notice"
    assert words in note.text
    inputs = read_inputs(tmp_path)
    assert render_page(inputs).count(words) == 2  # At a glance, Training
    assert "Raised in training and down again: " in render_model_card(inputs)


def test_every_check_of_the_training_has_a_name_on_the_page(make_train_config: Callable[..., Any]) -> None:
    assert set(LOOKED_AT) == set(not_judged([], make_train_config().monitor))
