"""Line charts as inline SVG; colours and dashes come from the page's style sheet, so they follow light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from t2s.report.blocks import Figure, LegendEntry
from t2s.report.wording import decimal

WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 26, 36  # margins
LOG_FLOOR = 1e-12

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line. `style` is a class of the style sheet: s1 … s4 (solid) or b1 … b5 (baselines, grey).

    `spreads`: an interval per point, drawn as a bar.
    """

    name: str
    points: Sequence[Point]
    style: str
    spreads: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with."""

    value: float
    name: str


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    caption: str = "",
    log: bool = False,
    levels: Sequence[Level] = (),
    band: tuple[float, float] | None = None,
) -> Figure | None:
    """A figure of all series that have points; None when none has. `band`: where values are meant to lie."""
    shown = [line for line in series if line.points]
    if not shown:
        return None
    frame = _Frame.around(shown, levels, band, log)
    parts = [_band(frame, band), *_grid(frame, x_label, y_label)]
    parts += [_level(frame, level) for level in levels]
    parts += [part for line in reversed(shown) for part in _line(frame, line, x_label)]  # the first lies on top
    described = f"{title}. {y_label} over {x_label}: " + ", ".join(_summary(line) for line in shown)
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, described, Markup("").join(parts)
    )
    return Figure(title, svg, caption, [LegendEntry(line.style, line.name) for line in shown])


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within low … high, about `count` of them."""
    if high <= low:
        return [low]
    step = _round_step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within low … high; 1, 2, 5 of each where they are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if len(exponents) <= 4 else (1,)
    stride = max(1, len(exponents) // 6)
    candidates = [digit * 10.0**exponent for exponent in exponents[::stride] for digit in digits]
    return [value for value in candidates if low * 0.999 <= value <= high * 1.001]


@dataclass(frozen=True)
class _Frame:
    """From values to places in the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log: bool

    @classmethod
    def around(
        cls, series: Sequence[Series], levels: Sequence[Level], band: tuple[float, float] | None, log: bool
    ) -> "_Frame":
        xs = [x for line in series for x, _ in line.points]
        ys = [y for line in series for _, y in line.points]
        ys += [level.value for level in levels]
        ys += [edge for line in series for spread in line.spreads if spread for edge in spread]
        ys += list(band or ())
        if log:
            positive = [y for y in ys if y > LOG_FLOOR]
            low, high = (min(positive), max(positive)) if positive else (0.1, 1.0)
            return cls(min(xs), max(xs), low / 1.15, high * 1.15, log)
        low, high = min(ys), max(ys)
        room = 0.06 * (high - low) or max(abs(high), 1e-6) * 0.1
        return cls(min(xs), max(xs), 0.0 if 0 <= low <= room else low - room, high + room, log)

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low) if self.x_high > self.x_low else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        low, high, value = self.y_low, self.y_high, min(max(value, self.y_low), self.y_high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


def _grid(frame: _Frame, x_label: str, y_label: str) -> list[Markup]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in log_ticks(frame.y_low, frame.y_high) if frame.log else ticks(frame.y_low, frame.y_high):
        y = frame.y(value)
        parts.append(_svg('<path class="grid" d="M{} {}H{}"/>', LEFT, y, right))
        parts.append(_svg('<text class="end" x="{}" y="{}">{}</text>', LEFT - 7, y + 4, _tick(value)))
    for value in ticks(frame.x_low, frame.x_high):
        if abs(value - round(value)) > 1e-9:
            continue  # there is no half epoch or timestep
        label = _svg('<text class="middle" x="{}" y="{}">{}</text>', frame.x(value), bottom + 16, _tick(value))
        parts.append(label)
    parts.append(_svg('<path class="axis" d="M{} {}H{}"/>', LEFT, bottom, right))
    parts.append(_svg('<text class="end" x="{}" y="{}">{} →</text>', right, HEIGHT - 3, x_label))
    parts.append(_svg('<text x="0" y="12">↑ {}</text>', y_label))
    return parts


def _line(frame: _Frame, line: Series, x_label: str) -> list[Markup]:
    places = [(frame.x(x), frame.y(y)) for x, y in line.points]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    parts = [_svg('<path class="line {}" d="{}"/>', line.style, path)]
    if len(places) == 1:
        parts.append(_svg('<circle class="dot {}" cx="{}" cy="{}" r="3.5"/>', line.style, *places[0]))
    for (x, _), spread in zip(places, line.spreads, strict=False):
        if spread:
            bar = f"M{x} {frame.y(spread[0])}V{frame.y(spread[1])}"
            parts.append(_svg('<path class="spread {}" d="{}"/>', line.style, bar))
    hover = '<circle class="hover {}" cx="{}" cy="{}" r="5"><title>{}: {} {}, {}</title></circle>'
    for (x, y), (x_value, y_value) in zip(places, line.points, strict=True):
        parts.append(_svg(hover, line.style, x, y, line.name, x_label, _tick(x_value), decimal(y_value)))
    return parts


def _band(frame: _Frame, band: tuple[float, float] | None) -> Markup:
    if band is None:
        return Markup("")
    top, bottom = frame.y(band[1]), frame.y(band[0])
    width = WIDTH - LEFT - RIGHT
    return _svg('<rect class="band" x="{}" y="{}" width="{}" height="{:.1f}"/>', LEFT, top, width, bottom - top)


def _level(frame: _Frame, level: Level) -> Markup:
    y = frame.y(level.value)
    line = _svg('<path class="level" d="M{} {}H{}"/>', LEFT, y, WIDTH - RIGHT)
    return line + _svg('<text class="end" x="{}" y="{}">{}</text>', WIDTH - RIGHT, y - 5, level.name)


def _svg(template: str, *values: object) -> Markup:
    return Markup(template).format(*values)


def _summary(line: Series) -> str:
    return f"{line.name} from {decimal(line.points[0][1])} to {decimal(line.points[-1][1])}"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if step <= factor * power * 1.0001)


def _tick(value: float) -> str:
    if abs(value) < 1e-12:
        return "0"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if abs(value) < 1e-3 else f"{value:,.6g}"
