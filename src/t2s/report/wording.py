"""Numbers as people read them."""

from collections.abc import Iterable, Sequence

DASH = "–"
MAX_LISTED = 100  # a data set's captions may be thousands of sentences, and are not ours to pass on


def percent(value: float | None, digits: int = 1) -> str:
    """0.912 → 91.2%."""
    return DASH if value is None else f"{100 * value:.{digits}f}%"


def percent_interval(interval: tuple[float, float] | None, digits: int = 1) -> str:
    """(.88, .94) → 88.0–94.0%."""
    return DASH if interval is None else f"{100 * interval[0]:.{digits}f}–{100 * interval[1]:.{digits}f}%"


def decimal(value: float | None, digits: int = 3) -> str:
    """Significant digits, without an exponent where that can be read; whole numbers as they are."""
    if value is None:
        return DASH
    if value == int(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(0, digits - whole)}f}" if whole else f"{value:.{digits}g}"


def decimal_interval(interval: tuple[float, float] | None) -> str:
    """(-0.1, .25) → -0.1 to 0.25; the word keeps minus signs readable."""
    return DASH if interval is None else f"{decimal(interval[0])} to {decimal(interval[1])}"


def count(value: float | None) -> str:
    """12345.0 → 12,345."""
    return DASH if value is None else f"{value:,.0f}"


def listed(texts: Sequence[str]) -> str:
    """a, b, c … and 3 more."""
    more = len(texts) - MAX_LISTED
    return ", ".join(texts[:MAX_LISTED]) + (f" … and {more:,} more" if more > 0 else "")


def spans(numbers: Iterable[int]) -> str:
    """0, 1, 2, 5 (ascending) → 0–2, 5."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join("–".join(map(str, span)) for span in found)


def duration(seconds: float | None) -> str:
    """725.3 → 12 min 5 s."""
    if seconds is None:
        return DASH
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def why(refused: str) -> str:
    """The reason alone of the evaluation's `semantics refused: reason`, for a sentence that says the rest."""
    return refused.removeprefix("semantics refused: ")


def joined(value: object) -> str:
    """One remark, or several, as one text; "" for none."""
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value or "")
