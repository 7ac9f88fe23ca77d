"""Calling `t2s` inside a test's process: what comes back."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The single line with which it refused; without a traceback, as the last thing said."""
        assert self.code != 0
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert [line for line in lines if line.lower().startswith("error: ")] == lines[-1:]
        return lines[-1]


Call = Callable[..., Done]
