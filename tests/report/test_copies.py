"""A model that repeats its training clips is told of, and one that does not is left alone."""

import json
from pathlib import Path

import pytest

from t2s.report.copies import copies
from t2s.report.inputs import read_inputs
from t2s.report.page import render_page


def write(root: Path, share: float, interval: list[float], expected: float | None = 0.05, above: bool = True) -> None:
    (root / "reports").mkdir(exist_ok=True)
    measured = {"memorisation": {"share": share, "share_ci": interval, "expected_share": expected, "n": 16,
                                 "most_of_one_person": 0.29, "above_expected": above}}  # fmt: skip
    (root / "reports/faithfulness.json").write_text(json.dumps(measured))


def test_clips_too_near_to_the_training_are_a_notice_at_a_glance_and_in_the_section(tmp_path: Path) -> None:
    write(tmp_path, 0.625, [0.375, 1.0])
    (note,) = copies(read_inputs(tmp_path))
    assert note.level == "notice"
    assert "62.5% (37.5–100.0%) of the generated clips, where 5.0% are expected" in note.text
    assert "of one held-out person's clips 29.0% lie as near" in note.text
    assert "more people" in note.advice and "train.epochs" in note.advice
    assert render_page(read_inputs(tmp_path)).count("may repeat clips that it was trained on") == 2


@pytest.mark.parametrize(
    ("share", "interval", "expected", "above"), [(0.28, [0.2, 0.4], 0.05, False), (0.9, [0.8, 1.0], None, True)]
)
def test_a_share_that_chance_explains_raises_nothing(
    tmp_path: Path, share: float, interval: list[float], expected: float | None, above: bool
) -> None:
    write(tmp_path, share, interval, expected, above)
    assert copies(read_inputs(tmp_path)) == []


@pytest.mark.parametrize(("of_clips", "told"), [(5376, 0), (40_965, 1)])
def test_a_search_of_some_training_clips_says_so(tmp_path: Path, of_clips: int, told: int) -> None:
    (tmp_path / "reports").mkdir()
    measured = {"memorisation": {"training_clips": 5376, "of_training_clips": of_clips}}
    (tmp_path / "reports/faithfulness.json").write_text(json.dumps(measured))
    notes = copies(read_inputs(tmp_path))
    assert len(notes) == told
    assert all(note.text.startswith("5,376 of 40,965 training clips were searched for copies") for note in notes)
