"""manifest.csv: one row per clip, written by acquire, read by preprocess; captions stay byte-exact."""

import csv
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from t2s import atomic
from t2s.errors import UserError

SPLITS = ("train", "val", "test")
_LONGEST_FIELD = 1 << 24  # the csv module's own limit, 131,072, would stop at one over-long caption


@dataclass(frozen=True)
class ManifestRow:
    """One clip before decoding.

    path: relative to the media root, with `/`; a name like `images%04d.png` stands for numbered stills.
    start_s, end_s: seconds from the start of the file, None = its start / its end.
    box: x0 y0 x1 y1 in pixels of the upright frame, or None.
    fps: the source's rate as its data set states it; needed for stills, else informative; None = unknown.
    """

    clip_id: str
    path: str
    text: str
    sign: str
    signer: str
    split: str
    start_s: float | None
    end_s: float | None
    box: tuple[float, float, float, float] | None
    fps: float | None
    licence: str


COLUMNS = tuple(field.name for field in fields(ManifestRow))


def caption_problem(text: str, max_length: int) -> str | None:
    """Why a caption cannot be used, or None. Any other Unicode is kept byte for byte."""
    if not text.strip():
        return "the caption is empty"
    if "\0" in text:
        return "the caption holds a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "the caption holds half a surrogate pair, which is not Unicode text"
    if len(text) > max_length:
        return f"the caption has {len(text)} characters, more than data.max_caption_length = {max_length}"
    return None


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write the rows durably as UTF-8 CSV with LF line ends."""
    with atomic.replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(COLUMNS)
        for row in rows:
            cells = [_to_cell(value) for value in astuple(row)]
            # The csv module leaves a lone carriage return unquoted, and then cannot read it back.
            writer = quoted if any("\r" in cell for cell in cells) else plain
            writer.writerow(cells)


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read manifest.csv. Captions are not judged here: preprocess quarantines the bad ones by name.

    Raises:
        UserError: no file, not UTF-8, wrong columns, or a row (named by line) that cannot be understood.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    rows: list[ManifestRow] = []
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if tuple(header) != COLUMNS:
                raise UserError(f"{path}: the header must be {','.join(COLUMNS)}")
            for cells in reader:
                where = f"{path}: line {reader.line_num}"
                row = _parse_row(cells, where)
                if row.clip_id in seen:
                    raise UserError(f"{where}: clip_id '{row.clip_id}' appears twice")
                seen.add(row.clip_id)
                rows.append(row)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the acquire stage first") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 CSV ({error})") from None
    return rows


def _to_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(f"{number:g}" for number in value)
    return str(value)


def _parse_row(cells: list[str], where: str) -> ManifestRow:
    if len(cells) != len(COLUMNS):
        raise UserError(f"{where}: {len(cells)} columns, expected {len(COLUMNS)}")
    cell = dict(zip(COLUMNS, cells, strict=True))
    if not cell["clip_id"] or not cell["path"]:
        raise UserError(f"{where}: clip_id and path must not be empty")
    if cell["split"] not in SPLITS:
        raise UserError(f"{where}: split '{cell['split']}' is none of {', '.join(SPLITS)}")
    return ManifestRow(
        clip_id=cell["clip_id"],
        path=cell["path"],
        text=cell["text"],
        sign=cell["sign"],
        signer=cell["signer"],
        split=cell["split"],
        start_s=_parse_number(cell["start_s"], "start_s", where),
        end_s=_parse_number(cell["end_s"], "end_s", where),
        box=_parse_box(cell["box"], where),
        fps=_parse_number(cell["fps"], "fps", where),
        licence=cell["licence"],
    )


def _parse_number(cell: str, column: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: {column} '{cell}' is not a number")
    return number


def _parse_box(cell: str, where: str) -> tuple[float, float, float, float] | None:
    if not cell:
        return None
    parts = cell.split(" ")
    if len(parts) != 4:
        raise UserError(f"{where}: box '{cell}' is not 'x0 y0 x1 y1'")
    x0, y0, x1, y1 = (_parse_number(part, "box", where) for part in parts)
    if x0 is None or y0 is None or x1 is None or y1 is None:
        raise UserError(f"{where}: box '{cell}' is not 'x0 y0 x1 y1'")
    return x0, y0, x1, y1
