"""A model that repeats its training clips is told of, and one that does not is left alone."""

import json
from pathlib import Path

import pytest

from t2s.report.copies import copies
from t2s.report.inputs import read_inputs
from t2s.report.page import render_page


def write(root: Path, share: float, interval: list[float], expected: float | None = 0.05) -> None:
    (root / "reports").mkdir(exist_ok=True)
    measured = {"memorisation": {"share": share, "share_ci": interval, "expected_share": expected, "n": 16,
                                 "most_of_one_person": 0.29}}  # fmt: skip
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
    ("share", "interval", "expected"),
    [
        (0.049, [0.022, 0.076], 0.05),
        (0.2, [0.05, 0.4], 0.05),
        (0.28, [0.2, 0.4], 0.05),  # one held-out person has .29
        (0.01, [0.0, 0.03], 0.05),
        (0.9, [0.8, 1.0], None),
    ],
)
def test_a_share_that_chance_explains_raises_nothing(
    tmp_path: Path, share: float, interval: list[float], expected: float | None
) -> None:
    write(tmp_path, share, interval, expected)
    assert copies(read_inputs(tmp_path)) == []
