from collections.abc import Iterable

import pytest

from t2s.report.choice import evenly
from t2s.report.wording import count, decimal, decimal_interval, duration, joined, percent, percent_interval, spans


def test_numbers_read_well() -> None:
    assert percent(0.9123) == "91.2%"
    assert percent_interval((0.88, 0.943)) == "88.0–94.3%"
    assert decimal_interval((-0.012, 0.3)) == "-0.012 to 0.3"
    assert count(1234567.0) == "1,234,567"
    assert [percent(None), percent_interval(None), decimal(None), count(None), duration(None)] == ["–"] * 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (36.0, "36"),
        (0.12345, "0.123"),
        (9.1, "9.10"),
        (12345.678, "12,346"),
        (1e-7, "1.00e-07"),
        (-2.5, "-2.50"),
    ],
)
def test_decimals(value: float, shown: str) -> None:
    assert decimal(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(3.14, "3.1 s"), (702.4, "11 min 42 s"), (3725, "1 h 2 min"), (59.99, "60.0 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("numbers", "shown"), [([], ""), ([3], "3"), ([0, 1, 2, 5], "0–2, 5"), ([0, 2, 3], "0, 2–3"), (range(50), "0–49")]
)
def test_spans_of_whole_numbers(numbers: Iterable[int], shown: str) -> None:
    assert spans(numbers) == shown


def test_evenly_keeps_both_ends() -> None:
    assert evenly("abc", 5) == ["a", "b", "c"]
    chosen = evenly(range(1000), 48)
    assert (chosen[0], chosen[-1], len(chosen), len(set(chosen))) == (0, 999, 48, 48)


@pytest.mark.parametrize(
    ("notes", "shown"), [(None, ""), ("", ""), ("one", "one"), ([], ""), (["one", "two"], "one; two")]
)
def test_remarks_are_joined(notes: object, shown: str) -> None:
    assert joined(notes) == shown
