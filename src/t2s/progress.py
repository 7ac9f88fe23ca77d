"""Progress bars that are quiet when nobody watches."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(iterable: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a bar on stderr; without one when stderr is not a terminal."""
    yield from tqdm(iterable, desc=description, total=total, disable=not sys.stderr.isatty(), leave=False)


@contextmanager
def step_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Yield an `on_step(done, total)` that moves a bar on stderr; it shows nothing when stderr is not a terminal."""
    with tqdm(desc=description, disable=not sys.stderr.isatty(), leave=False) as bar:

        def on_step(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_step
