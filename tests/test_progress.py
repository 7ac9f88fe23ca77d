"""Bars are for people who watch: nothing is written where nobody does."""

import io

import pytest

from t2s.progress import step_bar, track


class Terminal(io.StringIO):
    """A stderr that somebody watches."""

    def isatty(self) -> bool:
        return True


def walk() -> list[int]:
    with step_bar("sample") as on_step:
        for done in range(1, 4):
            on_step(done, 3)
    return list(track(range(3), "clips"))


def test_bars_move_on_a_terminal_and_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    assert walk() == [0, 1, 2]
    shown = terminal.getvalue()
    assert "sample" in shown and "clips" in shown
    assert shown.endswith("\r")


def test_bars_are_silent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    assert walk() == [0, 1, 2]
    assert stderr.getvalue() == ""
