"""SIGTERM and Ctrl-C: a request first, an order the second time."""

import logging
import os
import signal

import pytest

from t2s.training.interrupt import Interrupted, InterruptRequest, stop_told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_is_noted_and_the_second_ends_it(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with InterruptRequest() as request:
        assert request.signal is None
        os.kill(os.getpid(), number)
        assert request.signal == number
        with pytest.raises(Interrupted) as first:
            request.leave()
        with pytest.raises(Interrupted) as second:
            os.kill(os.getpid(), number)
    assert first.value.code == second.value.code == code
    assert signal.getsignal(number) is before


def test_who_has_nothing_to_save_is_ended_by_the_first() -> None:
    with InterruptRequest() as request:
        request.at_once = True
        with pytest.raises(Interrupted) as left:
            os.kill(os.getpid(), signal.SIGTERM)
        assert left.value.code == 143
        assert request.is_asked(), "where the exception is lost, in a destructor, the request still stands"


def test_a_signal_to_another_process_ends_this_one_like_sigterm() -> None:
    with InterruptRequest() as request, pytest.raises(Interrupted) as left:
        request.leave()
    assert left.value.code == 143


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (40, ["stopped at step 40 of 600, saved: the same command goes on"]),
        (20, ["stopped at step 40 of 600: the same command goes on from step 20"]),
        (None, []),
    ],
)
def test_who_stops_a_training_is_told_from_where_it_goes_on(
    caplog: pytest.LogCaptureFixture, saved: int | None, said: list[str]
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(Interrupted), stop_told(lambda: 40, 600, lambda: saved):
        raise Interrupted(130)
    assert caplog.messages == said


def test_what_ends_a_training_otherwise_is_not_called_a_stop(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(ValueError), stop_told(lambda: 40, 600, lambda: 40):
        raise ValueError
    assert caplog.messages == []
