"""A model that began with weights of other clips is told of, wherever its figures stand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.report.inputs import read_inputs
from t2s.report.model_card import render_model_card
from t2s.report.origins import origins
from t2s.report.page import render_page


@pytest.mark.parametrize("of_these_clips", [True, False])
def test_weights_that_learned_from_other_clips_are_told_of(
    make_run: Callable[[int], Path], tmp_path: Path, of_these_clips: bool
) -> None:
    root = shutil.copytree(make_run(4), tmp_path / "run")
    path = root / "models/t2s.safetensors"
    saved, store = load_checkpoint(path), read_inputs(root).store
    assert store is not None
    init: dict[str, Any] = {"fingerprint": "fedcba9876543210", "init": None}
    init["learned_digest"] = store.learned_digest if of_these_clips else "0" * 64
    save_checkpoint(path, saved.tensors, saved.metadata | {"learned_digest": store.learned_digest, "init": init})
    inputs = read_inputs(root)
    assert len(origins(inputs)) == (0 if of_these_clips else 1)
    said = "weights of fedcba9876543210, which learned from other clips"
    assert render_page(inputs).count(said) == (0 if of_these_clips else 2)
    assert (said in render_model_card(inputs)) != of_these_clips


def test_a_training_from_fresh_weights_and_a_missing_one_raise_nothing(
    make_run: Callable[[int], Path], tmp_path: Path
) -> None:
    assert origins(read_inputs(make_run(2))) == origins(read_inputs(tmp_path)) == []
