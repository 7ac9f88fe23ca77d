import itertools
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.report.chart import HEIGHT, LEFT, WIDTH, Level, Series, line_chart, log_ticks, ticks

finite = st.floats(-1e9, 1e9)


def chart(points: list[tuple[float, float]], **options: object) -> str:
    figure = line_chart("Title", [Series("a", points, "s1")], x_label="t", y_label="y", **options)  # type: ignore[arg-type]
    assert figure is not None
    return str(figure.svg)


def test_nothing_to_draw_is_no_figure() -> None:
    assert line_chart("Title", [Series("a", [], "s1")], x_label="t", y_label="y") is None


def test_low_values_lie_low_and_late_ones_right() -> None:
    path = re.search(r'<path class="line s1" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', chart([(0, 1), (10, 2)]))
    assert path is not None
    x0, y0, x1, y1 = map(float, path.groups())
    assert LEFT == x0 < x1 < WIDTH
    assert 0 < y1 < y0 < HEIGHT  # SVG counts downward


def test_an_axis_of_epochs_names_whole_ones() -> None:
    for epochs in ([1, 2, 3], [2, 3], [7]):
        named = re.findall(r'<text class="middle"[^>]*>([^<]+)<', chart([(epoch, 1.5) for epoch in epochs]))
        assert named == [str(epoch) for epoch in epochs]


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20), st.booleans())
def test_any_finite_points_give_well_formed_svg_inside_its_frame(points: list[tuple[float, float]], log: bool) -> None:
    svg = ElementTree.fromstring(chart(points, log=log, levels=[Level(0.5, "level")]))
    for circle in svg.iter("circle"):
        assert 0 <= float(circle.get("cx", "nan")) <= WIDTH
        assert 0 <= float(circle.get("cy", "nan")) <= HEIGHT


def test_names_are_escaped() -> None:
    figure = line_chart("<b>", [Series("<i>", [(0, 1), (1, 2)], "s1")], x_label="<u>", y_label="<s>")
    assert figure is not None
    assert not re.search("<[bius]>", figure.svg)
    assert {"a", "img"}.isdisjoint(element.tag for element in ElementTree.fromstring(str(figure.svg)).iter())


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 12), (0.001, 0.0042), (0, 5e6)])
def test_ticks_are_round_inside_and_a_handful(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 3 <= len(found) <= 7
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    steps = {round(b - a, 12) for a, b in itertools.pairwise(found)}
    assert len(steps) == 1


def test_log_ticks_are_few_and_inside() -> None:
    for low, high in ((0.5, 3), (1e-7, 1e3), (0.004, 0.2)):
        found = log_ticks(low, high)
        assert 2 <= len(found) <= 12
        assert all(low * 0.99 <= value <= high * 1.01 for value in found)
        assert all(math.log10(value) == pytest.approx(round(math.log10(value))) for value in found if len(found) > 6)
