"""The run-state directory: survives damage, crashes and a second trainer."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from t2s.atomic import TEMP_PREFIX
from t2s.errors import UserError
from t2s.training.state import RunState

CONFIG = {"model": {"depth": 4}, "learned_digest": "d1"}
FINGERPRINT = "0123456789abcdef"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[RunState]:
    with RunState.open(tmp_path, FINGERPRINT, CONFIG) as opened:
        yield opened


def save(state: RunState, step: int) -> Path:
    return state.save(step, {"weight": torch.full((3,), float(step))}, {"best_value": 1 / step})


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def step_of(state: RunState) -> int:
    found = state.latest()
    assert found is not None
    assert torch.equal(found.tensors["weight"], torch.full((3,), float(found.metadata["step"])))
    return int(found.metadata["step"])


def test_a_new_run_has_no_state(state: RunState) -> None:
    assert state.latest() is None


def test_the_newest_state_comes_back_and_k_are_kept(state: RunState) -> None:
    for step in (5, 10, 15, 20):
        save(state, step)
    assert step_of(state) == 20
    assert sorted(path.name for path in state.folder.glob("*.safetensors")) == [
        "state-00000015.safetensors",
        "state-00000020.safetensors",
    ]
    found = state.latest()
    assert found is not None
    assert found.metadata["best_value"] == 1 / 20


def test_a_damaged_newest_state_is_named_and_the_one_before_used(
    state: RunState, caplog: pytest.LogCaptureFixture
) -> None:
    save(state, 5)
    newest = save(state, 10)
    whole = newest.read_bytes()
    damages = [whole[: len(whole) * cut // 20] for cut in range(20)] + [whole[:-1] + b"\xff", b"\x80\x04K\x01."]
    for damage in damages:
        newest.write_bytes(damage)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert step_of(state) == 5
        assert str(newest) in caplog.text
        assert "going back" in caplog.text


def test_a_state_saved_after_going_back_is_the_newest(state: RunState) -> None:
    save(state, 5)
    flip(save(state, 10))
    assert step_of(state) == 5
    save(state, 7)
    assert step_of(state) == 7
    assert not list(state.folder.glob("*10.safetensors"))


def test_no_usable_state_is_never_a_silent_restart(tmp_path: Path, state: RunState) -> None:
    flip(save(state, 5))
    flip(save(state, 10))
    with pytest.raises(UserError, match="none of its 2 states is usable; `t2s train --fresh`"):
        state.latest()
    state.close()
    with RunState.open(tmp_path, FINGERPRINT, CONFIG, fresh=True) as fresh:
        assert fresh.latest() is None


def test_fresh_discards_everything(tmp_path: Path, state: RunState) -> None:
    save(state, 5)
    state.tracking_buffer.write_text("{}\n")
    state.close()
    with RunState.open(tmp_path, FINGERPRINT, CONFIG, fresh=True) as fresh:
        assert [path.name for path in fresh.folder.iterdir()] == ["lock"]


def test_leftovers_of_a_crash_are_ignored_and_removed(tmp_path: Path, state: RunState) -> None:
    save(state, 5)
    leftover = state.folder / f"{TEMP_PREFIX}abc.safetensors"
    leftover.write_bytes(b"half a state")
    assert step_of(state) == 5
    state.close()
    with RunState.open(tmp_path, FINGERPRINT, CONFIG) as again:
        assert not leftover.exists()
        assert step_of(again) == 5


def test_a_state_of_another_run_lists_the_differing_keys(tmp_path: Path, state: RunState) -> None:
    path = save(state, 5)
    other = {"model": {"depth": 6}, "learned_digest": "d1"}
    with RunState.open(tmp_path, "fedcba9876543210", other) as foreign:
        (foreign.folder / path.name).write_bytes(path.read_bytes())
        with pytest.raises(UserError, match=r"belongs to run 0123456789abcdef.*model\.depth: 4 → 6"):
            foreign.latest()


def test_a_new_training_says_what_differs_from_the_last(
    tmp_path: Path, state: RunState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save(state, 5)
    for config, said in (
        ({"model": {"depth": 6}, "learned_digest": "d2"}, "the data; model.depth: 4 → 6"),
        (CONFIG, "the source code"),
    ):
        caplog.clear()
        with RunState.open(tmp_path, "fedcba9876543210", config):
            assert f"the last one, {FINGERPRINT}, differs in {said}" in caplog.text
    caplog.clear()
    with RunState.open(tmp_path / "elsewhere", FINGERPRINT, CONFIG):
        assert caplog.text == ""


def test_other_params_have_their_own_state_and_going_back_finds_the_first(tmp_path: Path, state: RunState) -> None:
    save(state, 5)
    with RunState.open(tmp_path, "fedcba9876543210", CONFIG) as other:
        assert other.latest() is None
        save(other, 3)
    assert step_of(state) == 5


def test_nothing_but_finite_states_are_saved(state: RunState) -> None:
    save(state, 5)
    with pytest.raises(UserError, match="NaN"):
        state.save(6, {"weight": torch.tensor([float("nan")])}, {})
    assert step_of(state) == 5


def test_one_process_cannot_open_a_run_twice(tmp_path: Path, state: RunState) -> None:
    with pytest.raises(UserError, match=f"already training {FINGERPRINT}, pid {os.getpid()}"):
        RunState.open(tmp_path, FINGERPRINT, CONFIG)


HOLDER = """
import os, sys, time
from pathlib import Path
from t2s.training.state import RunState
with RunState.open(Path(sys.argv[1]), sys.argv[2], {}):
    if os.fork() == 0:  # a loader worker that outlives its trainer
        os.close(1)
        time.sleep(60)
        os._exit(0)
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that trains FINGERPRINT, with a forked worker."""
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path), FINGERPRINT]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def test_a_second_trainer_is_refused_until_the_first_is_dead(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(UserError, match=f"already training {FINGERPRINT}, pid {holder.pid}"):
        RunState.open(tmp_path, FINGERPRINT, CONFIG)
    with RunState.open(tmp_path, "fedcba9876543210", CONFIG):
        pass  # another fingerprint trains side by side
    holder.kill()
    deadline = time.monotonic() + 5
    while holder.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with RunState.open(tmp_path, FINGERPRINT, CONFIG):
        pass  # although the forked worker still lives


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file in the way")
    with pytest.raises(UserError, match=r"runs/.*cannot be written"):
        RunState.open(tmp_path, FINGERPRINT, CONFIG)
