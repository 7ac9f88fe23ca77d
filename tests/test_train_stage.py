"""The train stage as DVC runs it, on a tiny project: faults that a person or a machine can cause."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.data.clips import ClipsMeta, index_digest, sealed_meta

pytestmark = pytest.mark.slow

TINY = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "tiny_project.py"))
SHORT = {"epochs": 12, "sample_epochs": [], "validation": {"num_clips": 4, "num_timesteps": 3, "every_epochs": 4}}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose training has finished undisturbed."""
    folder: Path = TINY["make_project"](tmp_path_factory.mktemp("t2s") / "project", train=SHORT)
    done = train(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """The finished project, for one test to spoil."""
    return Path(shutil.copytree(template, tmp_path / "project"))


def train(project: Path, stage: str = "train") -> "subprocess.CompletedProcess[str]":
    """Run the stage; MLflow is away, which must not matter."""
    command = TINY["stage_command"](stage)
    return subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)


def environment() -> dict[str, str]:
    made: dict[str, str] = TINY["environment"](MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    return made


def refusal(project: Path, stage: str = "train") -> str:
    """The single line with which the stage refuses."""
    done = train(project, stage)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr
    return errors[0]


def states(project: Path) -> list[Path]:
    return sorted(project.glob("runs/*/state-*.safetensors"))


def weights(project: Path) -> bytes:
    content = (project / "models" / "t2s.safetensors").read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 16
    path.write_bytes(content)


def change(project: Path, section: str, **values: Any) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params[section] |= values
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def forget_last(project: Path, damage: Callable[[Path], None]) -> None:
    """As after a crash: no model yet, and the newest state damaged."""
    shutil.rmtree(project / "models")
    damage(states(project)[-1])


@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(path.read_bytes()[:1000])])
def test_a_damaged_newest_state_is_named_and_costs_one_interval(
    template: Path, project: Path, damage: Callable[[Path], None]
) -> None:
    newest = states(project)[-1]
    forget_last(project, damage)
    done = train(project)
    assert done.returncode == 0, done.stderr
    assert f"{newest}: " in done.stderr
    assert "going back to the state before it" in done.stderr
    assert weights(project) == weights(template)


def test_no_usable_state_stops_and_fresh_starts_again(template: Path, project: Path) -> None:
    shutil.rmtree(project / "models")
    for path in states(project):
        path.write_bytes(b"")
    assert "none of its 2 states is usable; `t2s train --fresh`" in refusal(project)
    assert not (project / "models").exists()
    code = "import runpy; runpy.run_path(r'{}', run_name='stage')['main'](fresh=True)".format(
        TINY["stage_command"]("train")[1]
    )
    command = [TINY["stage_command"]("train")[0], "-c", code]
    subprocess.run(command, cwd=project, env=environment(), capture_output=True, check=True)
    assert weights(project) == weights(template)


def test_a_pickle_in_place_of_a_state_is_refused_unread(project: Path) -> None:
    for path in states(project):
        path.write_bytes(b"\x80\x04\x95" + bytes(100))
    done = train(project)
    assert done.returncode == 1
    assert done.stderr.count("refused unread: a Python pickle") == 2


@pytest.mark.parametrize("stage", ["train", "recogniser"])
def test_an_altered_clip_stops_the_training_by_name(project: Path, stage: str) -> None:
    """Of the model and of its judge: DVC restores an altered cache without a word, and checks nothing again."""
    shutil.rmtree(project / "models")
    flip(next((project / "data" / "clips").glob("*.npy")))
    message = refusal(project, stage)
    last = json.loads((project / "data" / "clips" / "index.jsonl").read_text().splitlines()[-1])
    assert last["clip_id"] in message
    assert not (project / "models").exists()


def test_other_clips_train_anew(template: Path, project: Path) -> None:
    """A caption that changed is other data, though every pixel is the same."""
    clips = project / "data" / "clips"
    index = (clips / "index.jsonl").read_bytes().replace(b'"text": "drink"', b'"text": "drunk"')
    (clips / "index.jsonl").write_bytes(index)
    meta = json.loads((clips / "clips.json").read_bytes())
    changed = ClipsMeta(
        **{key: value for key, value in meta.items() if key != "seal"} | {"digest": index_digest(index)}
    )
    (clips / "clips.json").write_text(json.dumps(sealed_meta(changed)))
    done = train(project)
    assert done.returncode == 0, done.stderr
    assert "going on" not in done.stderr
    assert "differs in the data\n" in done.stderr


def test_two_different_trainings_run_side_by_side(template: Path, project: Path, tmp_path: Path) -> None:
    """As two experiments do: each in a copy of its own, with one folder of states and one of tracking."""
    copies = []
    for seed in (1, 2):
        copy = Path(shutil.copytree(project, tmp_path / f"copy{seed}", ignore=shutil.ignore_patterns("runs", "models")))
        change(copy, "train", seed=seed)
        copies.append(copy)
    alone = []
    for copy in copies:
        done = train(copy)
        assert done.returncode == 0, done.stderr
        alone.append(weights(copy))
        shutil.rmtree(copy / "models")
    shared = environment() | {"DVC_ROOT": str(project)}
    command = TINY["stage_command"]("train")
    trainers = [subprocess.Popen(command, cwd=copy, env=shared, stderr=subprocess.PIPE, text=True) for copy in copies]
    said = [trainer.communicate()[1] for trainer in trainers]
    assert [trainer.returncode for trainer in trainers] == [0, 0], said
    assert "going on" not in "".join(said)
    assert [weights(copy) for copy in copies] == alone
    assert alone[0] != alone[1]


def test_other_params_train_anew_and_going_back_resumes(template: Path, project: Path) -> None:
    change(project, "model", depth=2)
    done = train(project)
    assert done.returncode == 0, done.stderr
    assert "going on" not in done.stderr
    assert weights(project) != weights(template)
    change(project, "model", depth=1)
    done = train(project)
    assert "going on from step" in done.stderr
    assert weights(project) == weights(template)


def test_what_changes_no_result_does_not_start_anew(template: Path, project: Path) -> None:
    change(project, "runtime", num_workers=2, checkpoint_every_s=5.0)
    change(project, "sample", num_steps=3)
    done = train(project)
    assert "going on from step" in done.stderr
    assert weights(project) == weights(template)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_leaves_in_time_and_goes_on(
    template: Path, project: Path, number: signal.Signals
) -> None:
    for path in (project / "runs").glob("[!p]*"):
        shutil.rmtree(path)
    shutil.rmtree(project / "models")
    command = TINY["stage_command"]("train")
    with subprocess.Popen(
        command, cwd=project, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as trainer:
        while trainer.poll() is None and len(states(project)) < 2:
            time.sleep(0.01)
        trainer.send_signal(signal.SIGSTOP)
        try:
            second = refusal(project)
        finally:
            trainer.send_signal(signal.SIGCONT)
        trainer.send_signal(number)
        before = time.monotonic()
        said = trainer.communicate()[1]
        assert time.monotonic() - before < 10
    assert "stopped at step" in said and "saved: the same command goes on" in said
    assert f"already training {states(project)[-1].parent.name}, pid {trainer.pid}" in second
    assert trainer.returncode == 128 + number
    assert not (project / "models").exists()
    done = train(project)
    assert "going on from step" in done.stderr
    assert weights(project) == weights(template)


# A stage that waits where DVC's `cmd` would be checking or reading clips, for as long as a large data set takes.
WAITING = """
import runpy, signal, sys, time
from pathlib import Path
from t2s.data.clips import ClipStore
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever tests in the background has it ignored
def wait(*arguments):
    Path("waiting").touch()
    time.sleep(60)
setattr(ClipStore, sys.argv[1], wait)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_asked_to_stop_before_the_first_step_it_leaves_in_time_and_goes_on(template: Path, project: Path) -> None:
    shutil.rmtree(project / "models")
    python, script = TINY["stage_command"]("train")
    before = states(project)
    for number in (signal.SIGTERM, signal.SIGINT):
        for place in ("verify", "batch"):
            with subprocess.Popen(
                [python, "-c", WAITING, place, script],
                cwd=project, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
            ) as trainer:  # fmt: skip
                while trainer.poll() is None and not (project / "waiting").exists():
                    time.sleep(0.01)
                asked = time.monotonic()
                os.killpg(trainer.pid, number)
                said = trainer.communicate()[1]
                assert time.monotonic() - asked < 10
            assert trainer.returncode in (-number, 128 + number), said
            assert "Traceback" not in said
            (project / "waiting").unlink()
    assert states(project) == before
    done = train(project)
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stderr
    assert weights(project) == weights(template)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_at_random_instants_it_ends_with_the_same_weights(workers: str) -> None:
    script = str(Path(__file__).parents[1] / "benchmarks" / "kill_resume.py")
    done = subprocess.run(
        [TINY["stage_command"]("train")[0], script, "--kills", "5", "--workers", workers],
        env=TINY["environment"](),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trainings_identical"] >= 1
