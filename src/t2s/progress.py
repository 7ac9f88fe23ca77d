"""Progress bars that are quiet when nobody watches."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(iterable: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a bar on stderr; without one when stderr is not a terminal."""
    yield from tqdm(iterable, desc=description, total=total, disable=not sys.stderr.isatty(), leave=False)
