"""kill -9 of the trainer, of DVC, of both: the same command goes on and ends with an undisturbed run's weights."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import end_all_below, working_below

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE_S = 240.0
LONGER = {"train__epochs": 40, "runtime__checkpoint_every_s": 0.2}
MODEL = Path("models/t2s.safetensors")


def weights(path: Path) -> bytes:
    """Tensors alone: the header names git revision and MLflow run."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def trainer(project: Any) -> int | None:
    """The pid of the train stage itself, not of the shell around it."""
    for pid, words in working_below(project.path).items():
        if words[0].endswith(b"python") and b"pipelines/train.py" in words:
            return pid
    return None


def until(happens: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := happens():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {PATIENCE_S:g} s")


def until_training(project: Any, after: float) -> int:
    """Wait for a checkpoint younger than `after` in the middle of a training; the trainer's pid."""

    def saved() -> int | None:
        states = [path for path in project.path.glob("runs/*/state-*.safetensors") if path.stat().st_mtime > after]
        return trainer(project) if any(int(path.stem.rpartition("-")[2]) > 0 for path in states) else None

    pid: int = until(saved, "a checkpoint")
    return pid


@contextmanager
def started(project: Any, *words: str) -> Iterator["subprocess.Popen[str]"]:
    process = project.start(*words)
    try:
        yield process
    finally:
        end_all_below(project.path)
        process.wait()


@pytest.fixture(scope="module")
def undisturbed(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    project = finished.copied(tmp_path_factory.mktemp("undisturbed"))
    project.set(**LONGER)
    project.run("dvc", "repro", "train")
    return weights(project.path / MODEL)


@pytest.fixture
def longer(project: Any) -> Any:
    project.set(**LONGER)
    return project


@pytest.mark.parametrize("victim", ["trainer", "both"])
def test_the_same_command_goes_on(victim: str, longer: Any, undisturbed: bytes) -> None:
    with started(longer, "dvc", "repro", "train"):
        pid = until_training(longer, after=time.time())
        if victim == "trainer":
            os.kill(pid, signal.SIGKILL)
            until(lambda: not working_below(longer.path), "the end of dvc")
    assert not (longer.path / MODEL).exists()
    assert "going on from step" in longer.run("dvc", "repro", "train")
    assert weights(longer.path / MODEL) == undisturbed


def test_a_trainer_that_lost_its_dvc_is_named_and_then_gone_on_from(longer: Any, undisturbed: bytes) -> None:
    with started(longer, "dvc", "repro", "train") as dvc:
        pid = until_training(longer, after=time.time())
        dvc.send_signal(signal.SIGKILL)
        dvc.wait()
        os.kill(pid, signal.SIGSTOP)  # alive for as long as we look
        assert f"pid {pid}" in longer.refusal("dvc", "repro", "train")
    assert "going on from step" in longer.run("dvc", "repro", "train")
    assert weights(longer.path / MODEL) == undisturbed


def test_ctrl_c_on_dvc_leaves_a_checkpoint(longer: Any, undisturbed: bytes) -> None:
    """A terminal sends it to the whole group: dvc, its shell, the trainer."""
    with started(longer, "dvc", "repro", "train") as dvc:
        until_training(longer, after=time.time())
        before = time.monotonic()
        os.killpg(dvc.pid, signal.SIGINT)
        until(lambda: not working_below(longer.path), "the end of the group")
        assert time.monotonic() - before < 10
    assert "going on from step" in longer.run("dvc", "repro", "train")
    assert weights(longer.path / MODEL) == undisturbed


def test_an_experiment_in_a_copy_goes_on(longer: Any, undisturbed: bytes) -> None:
    command = ("dvc", "exp", "run", "--temp", "--name", "aside", "train")
    with started(longer, *command):
        until_training(longer, after=time.time())
    assert "going on from step" in longer.run(*command)
    longer.run("dvc", "exp", "apply", "aside")
    assert weights(longer.path / MODEL) == undisturbed


def test_a_queued_experiment_goes_on(longer: Any, undisturbed: bytes) -> None:
    """What was queued and killed is queued again: DVC lists the first as failed."""
    queued = ("dvc", "exp", "run", "--queue", "--force", "--name", "queued", "train")
    longer.run(*queued)
    with started(longer, "dvc", "queue", "start"):  # it returns half a minute after its worker has begun
        until_training(longer, after=time.time())
    longer.run(*queued)
    longer.run("dvc", "queue", "start")
    until(lambda: "Success" in longer.run("dvc", "queue", "status"), "the end of the queue")
    assert "going on from step" in longer.run("dvc", "queue", "logs", "queued")
    longer.run("dvc", "exp", "apply", "queued")
    assert weights(longer.path / MODEL) == undisturbed
