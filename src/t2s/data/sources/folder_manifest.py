"""A folder of videos with a manifest CSV: path, text, and optionally signer, split, start, end, sign, box, fps."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from t2s.data.faults import MediaError
from t2s.data.licences import OWN_TERMS
from t2s.data.safe_open import open_regular
from t2s.data.sources.captions import signs_from_captions
from t2s.data.sources.clip import Box, SourceClip, SourceReport
from t2s.data.sources.media import below
from t2s.data.sources.reader import known_split, refuse_subset
from t2s.data.sources.tables import Row, encoding_of, read_quoted
from t2s.data.sources.times import finite, seconds_of
from t2s.errors import UserError

_ALIASES = {
    "clip_id": ("clip_id",),
    "path": ("path", "file", "video"),
    "text": ("text", "caption", "sentence"),
    "sign": ("sign", "gloss"),
    "signer": ("signer", "signer_id", "speaker"),
    "split": ("split", "subset"),
    "start": ("start", "start_s"),
    "end": ("end", "end_s"),
    "box": ("box",),
    "fps": ("fps",),
    "licence": ("licence", "license"),
}
_MOST_NAMES = 8  # of columns, in a message
_TIMES = " of seconds or hh:mm:ss.fff"
_DELIMITERS = (",", "\t", ";")


class FolderManifest:
    """The user's own videos, listed in manifest.csv (or the one CSV file that lies in the folder)."""

    name = "manifest"
    language = ""
    videos_vanish = False
    layout = "manifest.csv (path, text; optional: signer, split, start, end, sign, box, fps) beside the videos"
    terms = OWN_TERMS

    def detect(self, root: Path) -> bool:
        return _find(root) is not None

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        path = _find(root)
        if path is None:
            raise UserError(f"{root}: no CSV file with the columns path and text")
        delimiter, names = _first_line(path)
        columns = _columns(names)
        _tell_columns(columns, names, report)
        clips: list[SourceClip] = []
        ids = _Ids()
        for line, row in read_quoted(path, (columns["path"], columns["text"]), report, delimiter):
            cells = {name: row[column] for name, column in columns.items()}
            cells["path"] = below(root, cells["path"].strip())
            try:
                clips.append(_clip(cells, ids, decimal_commas=delimiter != ","))
            except ValueError as error:
                report.add_issue("malformed", f"{path.name}: line {line}: {error}", path=cells["path"])
        yield from signs_from_captions(clips, report)


class _Ids:
    """Rows without an id get their path's; further rows of one file get #2, #3 … in file order."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[str, ...]]] = {}

    def of(self, cells: Row) -> str:
        if cells.get("clip_id"):
            return cells["clip_id"]
        path = cells["path"]
        stem = path[: path.rfind(".")] if "." in Path(path).name else path
        part = tuple(cells.get(name, "") for name in ("start", "end", "text"))
        parts = self._parts.setdefault(stem, [])
        if part not in parts:
            parts.append(part)  # the very same row twice keeps one id, and is reported as a duplicate
        position = parts.index(part) + 1
        return stem if position == 1 else f"{stem}#{position}"


def _clip(cells: Row, ids: _Ids, decimal_commas: bool) -> SourceClip:
    """Raises ValueError naming the column."""
    split = known_split(cells.get("split", "")) if cells.get("split", "").strip() else ""
    if split is None:
        raise ValueError(f"split '{cells['split']}' is none of train, val, test")
    start_s = _number("start", cells, seconds_of, decimal_commas)
    if start_s is not None and start_s < 0:
        raise ValueError(f"start '{cells['start']}' lies before the file's start, 0")
    return SourceClip(
        clip_id=ids.of(cells),
        path=cells["path"],
        text=cells["text"],
        video=cells["path"],
        sign=cells.get("sign", "").strip(),
        signer=cells.get("signer", "").strip(),
        split=split,
        start_s=start_s,
        end_s=_number("end", cells, seconds_of, decimal_commas),
        box=_box(cells.get("box", ""), decimal_commas),
        fps=_number("fps", cells, finite, decimal_commas),
        licence=cells.get("licence", "").strip(),
    )


def _number(name: str, cells: Row, parse: Callable[[str], float | None], decimal_commas: bool) -> float | None:
    """Raises ValueError naming the column. Spreadsheets that write decimal commas separate cells by something else."""
    cell = cells.get(name, "")
    try:
        return parse(cell.replace(",", ".") if decimal_commas else cell)
    except ValueError:
        raise ValueError(f"{name} '{cell}' is not a number{_TIMES if parse is seconds_of else ''}") from None


def _box(cell: str, decimal_commas: bool) -> Box | None:
    if not cell.strip():
        return None
    parts = cell.split()
    if decimal_commas and len(parts) == 4:
        parts = [part.replace(",", ".") for part in parts]
    else:
        parts = cell.replace(",", " ").split()
    try:
        x0, y0, x1, y1 = (float(part) for part in parts)
    except ValueError:
        x0 = y0 = x1 = y1 = math.nan
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise ValueError(f"box '{cell}' is not 'x0 y0 x1 y1'")
    return x0, y0, x1, y1


def misfit(root: Path) -> str | None:
    """What keeps the CSV files of a folder from being a manifest, for a person; None where there are none."""
    usable = [path.name for path in _candidates(root) if _fits(path)]
    if len(usable) > 1:
        how_many = "both" if len(usable) == 2 else "all"
        return f"{', '.join(usable[:-1])} and {usable[-1]} {how_many} fit: name one manifest.csv"
    for path in _candidates(root):
        _, names = _first_line(path)
        if any(names):
            shown = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
            return (
                f"{path.name} has the columns {''.join(filter(str.isprintable, shown))}; a manifest needs path and text"
            )
    return None


def _find(root: Path) -> Path | None:
    """manifest.csv, else the only CSV file that has the columns path and text."""
    usable = [path for path in _candidates(root) if _fits(path)]
    return usable[0] if len(usable) == 1 else None


def _candidates(root: Path) -> list[Path]:
    named = root / "manifest.csv"
    return [named] if named.is_file() else sorted(root.glob("*.csv"))


def _fits(path: Path) -> bool:
    return {"path", "text"} <= _columns(_first_line(path)[1]).keys()


def _columns(names: Sequence[str]) -> dict[str, str]:
    """Our name → the file's column name, of the columns that are there."""
    found = {name.lower(): name for name in names}
    aliases = {name: next((found[word] for word in words if word in found), None) for name, words in _ALIASES.items()}
    return {name: column for name, column in aliases.items() if column is not None}


def _tell_columns(columns: Mapping[str, str], names: Sequence[str], report: SourceReport) -> None:
    """What was read as what, where another name or an unread column could mean a mistake."""
    renamed = [f"{column} as {name}" for name, column in columns.items() if column.lower() != name]
    unread = [name for name in names if name and name not in columns.values()]
    told = [f"read: {', '.join(renamed)}"] if renamed else []
    if unread:
        told.append(f"not read: {', '.join(unread[:_MOST_NAMES])}{' …' if len(unread) > _MOST_NAMES else ''}")
    if told:
        report.add_note(f"columns {'; '.join(told)}")


def _first_line(path: Path) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns; no names where the file cannot be read."""
    try:
        with os.fdopen(open_regular(path.parent, path.name), "rb") as file:
            start = file.read(1 << 16)
    except (MediaError, OSError):
        return ",", []
    first = start.decode(encoding_of(start), errors="replace").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    return delimiter, [name.strip().strip('"') for name in first.split(delimiter)]
