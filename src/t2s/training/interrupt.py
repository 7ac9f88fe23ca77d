"""SIGTERM and Ctrl-C as a request: the loop finishes its step, writes a checkpoint and leaves."""

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
logger = logging.getLogger(__name__)


class Interrupted(SystemExit):
    """Training was asked to stop; its state is on disk. The exit code is 128 + the signal's number."""


class InterruptRequest:
    """While entered, SIGTERM and SIGINT are noted instead of ending the process. A second one ends it at once.

    While `at_once` is set so does the first: whoever sets it has nothing to save.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.at_once = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        ends, self.signal = self.at_once or self.signal is not None, number
        if ends:
            raise Interrupted(128 + number)

    def is_asked(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    def read(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, ending early where a noted signal has also ended the processes that read them."""
        try:
            yield from items
        except (RuntimeError, OSError, EOFError):  # what a DataLoader raises when a reader, or their parent, is gone
            if self.signal is None:
                raise

    def leave(self) -> None:
        """Raise Interrupted with the exit code of the signal that came, here or (then SIGTERM) to another process."""
        raise Interrupted(128 + (self.signal or signal.SIGTERM))


@contextmanager
def stop_told(step: Callable[[], int], num_steps: int, saved: Callable[[], int | None]) -> Iterator[None]:
    """Log one line when a training is Interrupted: where it stopped, and from where the same command goes on.

    Args:
        step: made so far, 0 … num_steps.
        saved: the step of the newest state; None: none was written, and nothing is said.
    """
    try:
        yield
    except Interrupted:
        at, kept = step(), saved()
        if kept == at:
            logger.info("stopped at step %d of %d, saved: the same command goes on", at, num_steps)
        elif kept is not None:
            logger.info("stopped at step %d of %d: the same command goes on from step %d", at, num_steps, kept)
        raise
