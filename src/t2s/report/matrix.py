"""A confusion matrix as inline SVG."""

from collections.abc import Sequence

from markupsafe import Markup

from t2s.report.blocks import Figure
from t2s.report.wording import count, percent

CELL, LABEL = 15, 92  # side of a cell, room for names
LARGEST = 1.125  # pixels of the page a unit may take: a matrix of four signs does not fill its column
MAX_SIGNS = 60  # more cannot be read

Counts = Sequence[tuple[str, str, float]]  # (asked, recognised, clips) of each pair that occurs


def confusion_figure(title: str, signs: Sequence[str], counts: Counts, caption: str) -> Figure | None:
    """Rows: what was asked; columns: what was recognised. None when there is nothing, or too much, to draw."""
    if not counts or not {sign for *pair, _ in counts for sign in pair} <= set(signs) or len(signs) > MAX_SIGNS:
        return None
    size = LABEL + CELL * len(signs) + 2
    found = {(asked, seen): value for asked, seen, value in counts}
    table = [[found.get((asked, seen), 0.0) for seen in signs] for asked in signs]
    parts = [_row(number, signs, row) for number, row in enumerate(table)]
    parts += [_name(number, sign) for number, sign in enumerate(signs)]
    described = f"{title}. Share on the diagonal: {percent(accuracy(counts))}"
    svg = Markup('<svg class="matrix" width="{:.0f}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        LARGEST * size, size, size, described, Markup("").join(parts)
    )
    return Figure(title, svg, caption)


def accuracy(counts: Counts) -> float | None:
    """Share of the clips in which what was asked was recognised."""
    total = sum(value for *_, value in counts)
    return sum(value for asked, seen, value in counts if asked == seen) / total if total else None


def worst_confusions(counts: Counts, most: int = 8) -> list[tuple[str, str, float, float]]:
    """(asked, recognised, how often, of how many), the most frequent mistakes first."""
    of: dict[str, float] = {}
    for asked, _, value in counts:
        of[asked] = of.get(asked, 0.0) + value
    found = [(asked, seen, value, of[asked]) for asked, seen, value in counts if asked != seen and value > 0]
    return sorted(found, key=lambda item: -item[2])[:most]


def _row(number: int, signs: Sequence[str], row: Sequence[float]) -> Markup:
    y, total = LABEL + number * CELL, sum(row)
    parts = [_text("end", LABEL - 6, y + CELL - 4, signs[number])]
    empty = '<rect class="cell" x="{}" y="{}" width="{}" height="{}"/>'
    parts.append(Markup(empty).format(LABEL, y, CELL * len(row) - 1, CELL - 1))
    filled = '<rect class="{}" fill-opacity="{:.2f}" x="{}" y="{}" width="{}" height="{}">{}</rect>'
    named = "<title>{} → {}: {} of {}</title>"
    for column, value in enumerate(row):
        if value > 0 and total > 0:
            kind = "right" if column == number else "wrong"
            place = (LABEL + column * CELL, y, CELL - 1, CELL - 1)
            title = Markup(named).format(signs[number], signs[column], count(value), count(total))
            parts.append(Markup(filled).format(kind, 0.15 + 0.85 * min(1.0, value / total), *place, title))
    return Markup("").join(parts)


def _name(number: int, sign: str) -> Markup:
    x, y = LABEL + number * CELL + CELL - 4, LABEL - 6
    return Markup('<text transform="translate({} {}) rotate(-90)">{}</text>').format(x, y, sign[:14])


def _text(anchor: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(anchor, x, y, text[:14])
