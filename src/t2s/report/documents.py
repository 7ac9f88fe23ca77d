"""Other stages' JSON and CSV, read so that nothing missing or odd in them can stop the report."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Row = dict[str, float]


@dataclass(frozen=True)
class Document:
    """A parsed file. Every question to it has the answer None (or an empty list) when the file does not say.

    A dotted name finds `{"a": {"b": 1}}` and `{"a.b": 1}` alike. `problem` says why there is no content.
    """

    content: Any
    problem: str | None = None

    @classmethod
    def read(cls, path: Path, shown_as: str) -> Self:
        """Parse a JSON file; `shown_as` names it to the reader."""
        try:
            return cls(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return cls(None, f"{shown_as} is not there yet.")
        except (OSError, ValueError, RecursionError) as error:
            return cls(None, f"{shown_as} cannot be read ({type(error).__name__}).")

    def find(self, name: str) -> Any:
        """The raw value, or None."""
        return _find(self.content, name)

    def number(self, name: str) -> float | None:
        """A finite number."""
        return as_number(self.find(name))

    def text(self, name: str) -> str | None:
        """A string that is not empty."""
        value = self.find(name)
        return value if isinstance(value, str) and value else None

    def interval(self, name: str) -> tuple[float, float] | None:
        """Two finite numbers, low and high."""
        value = self.find(name)
        if not isinstance(value, list) or len(value) != 2:
            return None
        low, high = as_number(value[0]), as_number(value[1])
        return None if low is None or high is None else (low, high)

    def rows(self, name: str) -> "list[Document]":
        """A list of mappings, each a document; other items are left out."""
        value = self.find(name)
        return [Document(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []

    def items(self, name: str) -> "list[tuple[str, Document]]":
        """The entries of a mapping, in the file's order."""
        value = self.find(name)
        return [(str(key), Document(item)) for key, item in value.items()] if isinstance(value, Mapping) else []

    def texts(self, name: str) -> list[str]:
        """A list's strings."""
        value = self.find(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def counts(self, name: str) -> list[tuple[str, str, float]]:
        """A list of [text, text, finite number]; [] where any item is something else."""
        value = self.find(name)
        if not isinstance(value, list):
            return []
        found = []
        for item in value:
            match item:
                case [str(first), str(second), number] if (count := as_number(number)) is not None:
                    found.append((first, second, count))
                case _:
                    return []
        return found


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file, each with its finite numbers only; [] when there is no such file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_numbers(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def as_number(value: Any) -> float | None:
    """A finite float, or None; True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _find(content: Any, name: str) -> Any:
    if not isinstance(content, Mapping):
        return None
    if name in content:
        return content[name]
    head, _, rest = name.partition(".")
    return _find(content.get(head), rest) if rest else None


def _numbers(row: Mapping[str | None, Any]) -> Row:
    found: Row = {}
    for key, cell in row.items():
        try:
            number = float(cell)
        except (TypeError, ValueError):
            continue
        if key is not None and math.isfinite(number):
            found[key] = number
    return found
