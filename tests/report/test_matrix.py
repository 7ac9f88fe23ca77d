from xml.etree import ElementTree

import pytest

from t2s.report.matrix import accuracy, confusion_figure, worst_confusions

SIGNS = ["hello", "no", "yes"]
COUNTS = [[8, 0, 0], [1, 5, 2], [0, 0, 8]]


def test_each_count_is_a_cell_with_its_meaning() -> None:
    figure = confusion_figure("Generated", SIGNS, COUNTS, "")
    assert figure is not None
    svg = ElementTree.fromstring(str(figure.svg))
    titles = [title.text for title in svg.iter("title")]
    assert titles == [
        "hello → hello: 8 of 8",
        "no → hello: 1 of 8",
        "no → no: 5 of 8",
        "no → yes: 2 of 8",
        "yes → yes: 8 of 8",
    ]
    assert [cell.get("class") for cell in svg.iter("rect") if cell.get("class") != "cell"].count("wrong") == 2


def test_accuracy_and_mistakes() -> None:
    assert accuracy(COUNTS) == pytest.approx(21 / 24)
    assert accuracy([]) is None
    assert worst_confusions(SIGNS, COUNTS) == [("no", "yes", 2, 8), ("no", "hello", 1, 8)]


def test_what_does_not_fit_is_not_drawn() -> None:
    assert confusion_figure("x", SIGNS, [[1]], "") is None
    assert confusion_figure("x", [str(i) for i in range(500)], [[0.0] * 500] * 500, "") is None
    assert worst_confusions(SIGNS, [[1]]) == []
