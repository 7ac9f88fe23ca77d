from xml.etree import ElementTree

import pytest

from t2s.report.matrix import accuracy, confusion_figure, worst_confusions

SIGNS = ["hello", "no", "yes"]
COUNTS = [("hello", "hello", 8), ("no", "hello", 1), ("no", "no", 5), ("no", "yes", 2), ("yes", "yes", 8)]


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
    assert worst_confusions(COUNTS) == [("no", "yes", 2, 8), ("no", "hello", 1, 8)]


def test_what_does_not_fit_is_not_drawn() -> None:
    assert confusion_figure("x", SIGNS, [("hello", "unheard of", 1)], "") is None
    assert confusion_figure("x", SIGNS, [], "") is None
    many = [str(i) for i in range(500)]
    assert confusion_figure("x", many, [(sign, sign, 1) for sign in many], "") is None
    assert worst_confusions([]) == []
