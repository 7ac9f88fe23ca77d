"""A confusion matrix as inline SVG."""

from collections.abc import Sequence

from markupsafe import Markup

from t2s.report.blocks import Figure
from t2s.report.wording import count, percent

CELL, LABEL = 15, 92  # side of a cell, room for names
LARGEST = 1.125  # pixels of the page a unit may take: a matrix of four signs does not fill its column
MAX_SIGNS = 60  # more cannot be read

Matrix = Sequence[Sequence[float]]


def confusion_figure(title: str, signs: Sequence[str], counts: Matrix, caption: str) -> Figure | None:
    """Rows: what was asked; columns: what was recognised. None when there is nothing, or too much, to draw."""
    if not counts or len(counts) != len(signs) or len(signs) > MAX_SIGNS:
        return None
    size = LABEL + CELL * len(signs) + 2
    parts = [_row(number, signs, row) for number, row in enumerate(counts)]
    parts += [_name(number, sign) for number, sign in enumerate(signs)]
    described = f"{title}. Share on the diagonal: {percent(accuracy(counts))}"
    svg = Markup('<svg class="matrix" width="{:.0f}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        LARGEST * size, size, size, described, Markup("").join(parts)
    )
    return Figure(title, svg, caption)


def accuracy(counts: Matrix) -> float | None:
    """Share of the counts on the diagonal."""
    total = sum(map(sum, counts))
    return sum(row[number] for number, row in enumerate(counts)) / total if total else None


def worst_confusions(signs: Sequence[str], counts: Matrix, most: int = 8) -> list[tuple[str, str, float, float]]:
    """(asked, recognised, how often, of how many), the most frequent mistakes first."""
    if len(counts) != len(signs):
        return []
    found = [
        (signs[i], signs[j], value, sum(row))
        for i, row in enumerate(counts)
        for j, value in enumerate(row)
        if i != j and value > 0
    ]
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
