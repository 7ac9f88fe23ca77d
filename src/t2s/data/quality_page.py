"""reports/validation.html: what was checked and how it went, for a person; one file, nothing loaded from elsewhere."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2
import numpy as np
from PIL import Image

from t2s.data.clips import ClipStore, to_uint8
from t2s.data.manifest import SPLITS
from t2s.data.measures import Row

if TYPE_CHECKING:
    from t2s.data.expectations import Check

_MOST_PICTURES = 48
_BINS = 24

_TEMPLATE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data checks</title>
<style>
:root { color-scheme: light dark; --ink: #1c2128; --paper: #fff; --soft: #667; --line: #d5d9e0; --bar: #5b7db1;
  --good: #1a7f4b; --bad: #c0282d; --warn: #96650a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --paper: #14171c; --soft: #9aa3b2; --line: #333a45;
  --bar: #7fa3dc; --good: #4cc38a; --bad: #ff7b72; --warn: #e3b341; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: .85em; color: var(--soft); overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.verdict { font-size: 1.15rem; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; list-style: none; }
.pictures figure { margin: 0; width: 96px; font-size: .8rem; text-align: center; overflow-wrap: anywhere; }
.pictures img { width: 96px; height: 96px; border-radius: 4px; }
.charts { display: flex; flex-wrap: wrap; gap: 2rem; } .charts figure { margin: 0; }
svg rect { fill: var(--bar); } figcaption { color: var(--soft); font-size: .85rem; }
</style>
</head>
<body>
<h1>Data checks</h1>
{% if broken %}
<p class="verdict bad">✗ {{ broken }} of {{ checks | length }} checks fail: these clips are not trained on.</p>
{% else %}
<p class="verdict good">✓ {{ tally }}.</p>
{% endif %}
<p>{{ store | length }} clips of {{ store.meta.num_frames }} frames, {{ store.meta.image_size }}×{{
store.meta.image_size }} pixels{% for key in ("source", "language", "licence") if store.meta.source[key] %} · {{ key }}:
{{ store.meta.source[key] }}{% endfor %}<br><code>data digest {{ store.digest }}</code></p>
<h2>Checks</h2>
<table>
<tr><th></th><th>Rule</th><th class="number">Broken by</th><th>Clips</th></tr>
{% for check in checks %}
<tr>{% if check.success %}<td class="good">✓</td>{% elif check.severity == "warning" %}<td class="warn">!</td>{% else
%}<td class="bad">✗</td>{% endif %}
<td>{{ check.title }}<br><code>{{ check.expectation }}{% if check.column %}({{ check.column }}){% endif %}</code></td>
<td class="number">{{ check.failing | length or "" }}</td>
<td>{{ check.failing[:20] | join(", ") }}{% if check.failing | length > 20 %} …{% endif %}{% if not check.success and
not check.failing %}observed: {{ check.observed }}{% endif %}</td></tr>
{% endfor %}
</table>
<h2>What the clips look like</h2>
<p>The middle frame of the first clip of each {{ "sign" if store.signs() else "caption" }}.</p>
<ul class="pictures">
{% for picture in pictures %}
<li><figure><img alt="{{ picture.caption }}" src="data:image/png;base64,{{ picture.png }}"><figcaption>{{
picture.caption }}</figcaption></figure></li>
{% endfor %}
</ul>
<h2>How they spread</h2>
<div class="charts">
{% for chart in charts %}
<figure><svg role="img" aria-label="{{ chart.title }}" width="288" height="100" viewBox="0 0 288 100">
{% for bar in chart.bars %}
<rect x="{{ 12 * loop.index0 }}" y="{{ 100 - bar }}" width="11" height="{{ bar }}"/>
{% endfor %}
</svg><figcaption>{{ chart.title }}: {{ chart.low }} to {{ chart.high }}</figcaption></figure>
{% endfor %}
</div>
<h2>Clips per sign and split</h2>
<table>
<tr><th>Sign</th>{% for split in splits %}<th class="number">{{ split }}</th>{% endfor %}</tr>
{% for name, numbers in counts %}
<tr><td>{{ name }}</td>{% for number in numbers %}<td class="number">{{ number }}</td>{% endfor %}</tr>
{% endfor %}
</table>
</body>
</html>
""")


@dataclass(frozen=True)
class _Picture:
    caption: str
    png: str


@dataclass(frozen=True)
class _Chart:
    title: str
    low: str
    high: str
    bars: list[int]


def render_page(store: ClipStore, rows: Sequence[Row], checks: "Sequence[Check]") -> str:
    """The whole page; the same bytes for the same clips."""
    failed = Counter(check.severity for check in checks if not check.success)
    return _TEMPLATE.render(
        store=store,
        checks=checks,
        broken=failed["critical"],
        tally=tally(checks),
        pictures=_pictures(store, rows),
        charts=[_chart(rows, "brightness", "brightness, -1 to 1"), _chart(rows, "motion", "mean change per frame")],
        splits=SPLITS,
        counts=_counts(store),
    )


def tally(checks: "Sequence[Check]") -> str:
    """How many of the checks passed, where none failed; a warning is no pass."""
    warned = sum(not check.success for check in checks)
    warnings = f", {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    return f"{len(checks) - warned} of {len(checks)} data checks passed{warnings}"


def _pictures(store: ClipStore, rows: Sequence[Row]) -> list[_Picture]:
    first: dict[str, int] = {}
    whole = "x".join(map(str, store.meta.clip_shape))
    for i, (record, row) in enumerate(zip(store.records, rows, strict=True)):
        if row["shape"] == whole and row["dtype"] == store.meta.dtype:
            first.setdefault(record.sign or record.text, i)
    return [_Picture(name, _png(store, i)) for name, i in sorted(first.items())[:_MOST_PICTURES]]


def _png(store: ClipStore, i: int) -> str:
    middle = np.nan_to_num(store.pixels(i)[store.meta.num_frames // 2], nan=-1.0)
    content = io.BytesIO()
    Image.fromarray(to_uint8(middle)).save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode("ascii")


def _chart(rows: Sequence[Row], column: str, title: str) -> _Chart:
    values = np.array([row[column] for row in rows if row[column] is not None], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return _Chart(title, "-", "-", [])
    heights, edges = np.histogram(values, bins=_BINS)
    bars = [round(100 * height / heights.max()) for height in heights.tolist()]
    return _Chart(title, f"{edges[0]:.3f}", f"{edges[-1]:.3f}", bars)


def _counts(store: ClipStore) -> list[tuple[str, list[int]]]:
    totals = Counter(record.split for record in store.records)
    cells = Counter((record.sign, record.split) for record in store.records)
    table = [("all", [totals[split] for split in SPLITS])]
    return table + [(sign, [cells[sign, split] for split in SPLITS]) for sign in store.signs()]
