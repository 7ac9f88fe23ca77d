"""Annotation files → rows. Encodings, line ends and quoting go wrong here or nowhere; captions stay byte-exact."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from t2s.data.faults import MediaError
from t2s.data.safe_open import read_regular
from t2s.data.sources.clip import SourceReport
from t2s.data.sources.times import finite
from t2s.errors import UserError

_LONGEST_FIELD = 1 << 24  # the csv module's own limit, 131,072, would stop at one over-long caption

_LARGEST_FILE = 1 << 31  # bytes; the largest annotation file of the known data sets has some 100 MB

Row = dict[str, str]


def read_text(path: Path, report: SourceReport) -> str:
    """Decode an annotation file, see `decode_text`. Raises UserError when it cannot be read or is no regular file."""
    try:
        data = read_regular(path, _LARGEST_FILE)
    except MediaError as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    return decode_text(data, path.name, report)


def decode_text(data: bytes, name: str, report: SourceReport) -> str:
    """UTF-8 with or without BOM, UTF-16 with BOM, else Latin-1 (reported). Line ends are left as they are."""
    try:
        return data.decode(encoding_of(data))
    except UnicodeDecodeError:
        report.not_utf8.append(name)
        return data.decode("latin-1")


def encoding_of(start: bytes) -> str:
    """UTF-16 when the bytes begin with its mark, else UTF-8 (with or without one)."""
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def read_quoted(
    path: Path, required: Iterable[str], report: SourceReport, delimiter: str = ","
) -> Iterator[tuple[int, Row]]:
    """Yield (line, row) of a CSV file whose fields may be quoted and may hold line breaks (RFC 4180).

    Raises UserError: a required column is missing, or a quote is never closed.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    text = read_text(path, report)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _require(path, header, required)
        for cells in reader:
            if cells:
                yield from _row(path, reader.line_num, header, cells, report)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: not valid CSV ({error})") from None


def read_plain(path: Path, required: Iterable[str], report: SourceReport, delimiter: str) -> Iterator[tuple[int, Row]]:
    """Yield (line, row) of a table without quoting: a quote is a letter like any other.

    Raises UserError: a required column is missing.
    """
    lines = read_text(path, report).split("\n")
    header = [name.strip() for name in lines[0].rstrip("\r").split(delimiter)]
    _require(path, header, required)
    for number, line in enumerate(lines[1:], start=2):
        if line := line.removesuffix("\r"):
            yield from _row(path, number, header, line.split(delimiter), report)


def read_json(path: Path, report: SourceReport) -> Any:
    """Parse a JSON file. Raises UserError naming the place where it is not JSON."""
    try:
        return json.loads(read_text(path, report))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: line {error.lineno}: not valid JSON ({error.msg})") from None
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"{path}: not a data set's JSON ({error})") from None
    except RecursionError:
        raise UserError(f"{path}: not a data set's JSON (nested too deeply)") from None


def read_json_list(path: Path, report: SourceReport) -> list[dict[str, Any]]:
    """Parse a JSON list of objects; entries that are none are reported. Raises UserError when it is no list."""
    content = read_json(path, report)
    if not isinstance(content, list):
        raise UserError(f"{path}: expected a JSON list of objects")
    for position, entry in enumerate(content):
        if not isinstance(entry, dict):
            report.add_issue("malformed", f"{path.name}: entry {position} is not an object")
    return [entry for entry in content if isinstance(entry, dict)]


def text_of(value: object) -> str:
    """A JSON scalar as text; null and a missing key become "" (the *string* "null" stays what it is)."""
    return "" if value is None else str(value)


def number_of(value: object) -> float | None:
    """A finite number, or one in text; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return finite(str(value))
    except ValueError:
        return None


def _require(path: Path, header: Sequence[str], required: Iterable[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise UserError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(header)}")


def _row(
    path: Path, line: int, header: Sequence[str], cells: Sequence[str], report: SourceReport
) -> Iterator[tuple[int, Row]]:
    if len(cells) == len(header):
        yield line, dict(zip(header, cells, strict=True))
    else:
        message = f"{path.name}: line {line} has {len(cells)} fields, expected {len(header)}"
        report.add_issue("malformed", message)
