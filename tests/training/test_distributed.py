"""More than one process: two learn what one learns, stop together, go on together, or alone.

Real processes, started by torchrun, by accelerate launch and as Slurm starts them, over gloo on CPU.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from doc_commands import typed
from ports import free_port

from t2s.checkpoint import load_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a busy machine may need several times the usual minute

ROOT = Path(__file__).parents[2]
STAGE = [str(Path(__file__).parent / "held_stage.py"), "{step}", str(ROOT / "pipelines/train.py")]
PATIENCE_S = 240.0
# Every parameter that can be without a gradient for a while is one here: half of the run is coarse.
MODEL = {
    "input_pool": 2, "projection": "seed", "projection_shortcut": True, "projection_sees_input": True,
    "projection_width": 20, "residual": "blend", "depth": 2,
}  # fmt: skip
TRAIN = {  # 24 steps of 4 clips
    "epochs": 8, "coarse_fraction": 0.5, "thin_frames": 2, "frame_difference_weight": 2.0,
    "augment": {"flip": 0.5, "colour": 0.1},
}  # fmt: skip
KILLED_AT, ASKED_AT = 8, 15  # in the coarse part, and past it

# Runs a stage in which the main process's first validation finds `spoilt`, or is sent a signal.
SPOILT = """
import os, runpy, signal, sys
from t2s.training.validation import Validation
validate, spoilt = Validation.__call__, [sys.argv[1]]
def call(self, denoiser):
    if spoilt.pop() == "nan":
        return {"x0_mse": float("nan")}
    os.kill(os.getpid(), signal.SIGTERM)
    return validate(self, denoiser)
Validation.__call__ = call
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"} | changes


def by_launcher(script: list[str], name: str = "torchrun") -> list[str]:
    """Two processes as docs/scaling.md starts them, as `python -m` so that it needs no PATH, and on a free port."""
    (words,) = (words for words in typed("docs/scaling.md", "More than one process") if words[0] == name)
    module, *port = {
        "torchrun": ["torch.distributed.run", "--standalone"],
        "accelerate": ["accelerate.commands.accelerate_cli", "--main_process_port", str(free_port())],
    }[name]
    assert words[-1] == "pipelines/train.py"
    return [sys.executable, "-m", module, *words[1:-1], *port, *script]


def stage(step: int = -1) -> list[str]:
    return [part.format(step=step) for part in STAGE]


def finish(project: Path, command: list[str]) -> str:
    """Train to the end; what the stage said."""
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def as_two_tasks(script: list[str], folder: Path) -> list[tuple[int, str]]:
    """(exit code, stderr) of two processes started as Slurm starts tasks: no launcher, the rank in the environment."""
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    tasks = [
        subprocess.Popen(
            [sys.executable, *script], cwd=folder, stderr=subprocess.PIPE, text=True,
            env=environment(**common, RANK=str(rank), LOCAL_RANK=str(rank)),
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [task.communicate(timeout=PATIENCE_S)[1] for task in tasks]
    return [(task.returncode, text) for task, text in zip(tasks, said, strict=True)]


@contextmanager
def held(project: Path, step: int) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    """Two processes that wait at `step`: (their launcher, their pids)."""
    for old in project.glob("held-*"):
        old.unlink()
    with (
        (project / "log.txt").open("wb") as log,
        subprocess.Popen(by_launcher(stage(step)), cwd=project, env=environment(), stderr=log) as launcher,
    ):
        notes = [project / f"held-{rank}" for rank in range(2)]
        deadline = time.monotonic() + PATIENCE_S
        while not all(note.exists() for note in notes):
            assert launcher.poll() is None and time.monotonic() < deadline, (project / "log.txt").read_text()[-3000:]
            time.sleep(0.02)
        pids = [int(note.read_text()) for note in notes]
        try:
            yield launcher, pids
        finally:
            if launcher.poll() is None:
                launcher.terminate()


def weights(project: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(project / "models/t2s.safetensors").tensors


def records(project: Path) -> list[dict[str, Any]]:
    (buffer,) = project.glob("runs/*/tracking.jsonl")
    return [json.loads(line) for line in buffer.read_text().splitlines()]


def logged(project: Path, name: str) -> list[tuple[int, float]]:
    """(step, value) of every time a metric was logged."""
    metrics = [record for record in records(project) if record["kind"] == "metrics"]
    return [(record["step"], record["values"][name]) for record in metrics if name in record["values"]]


def newest_step(project: Path) -> int:
    return int(max(project.glob("runs/*/state-*")).stem.removeprefix("state-"))


def same(one: Path, other: Path, atol: float) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, weight in first.items():
        torch.testing.assert_close(
            second[name], weight, atol=atol, rtol=0, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.fixture(scope="module")
def make_project(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_section: Callable[..., dict[str, Any]],
    write_clips: Callable[[Path], None],
) -> Callable[..., Path]:
    """`make_project(accumulation=2)`: a folder that pipelines/train.py can train in."""

    def make(**train: Any) -> Path:
        folder = tmp_path_factory.mktemp("project")
        write_clips(folder / "data/clips")
        changes = {"model": MODEL, "train": TRAIN | train, "runtime": {"checkpoint_every_s": 1e-9, "num_threads": 1}}
        sections = {
            name: tiny_section(name, **changes.get(name, {})) for name in ("model", "diffusion", "train", "runtime")
        }
        (folder / "params.yaml").write_text(yaml.safe_dump(sections))
        return folder

    return make


@pytest.fixture(scope="module")
def alone(make_project: Callable[..., Path]) -> Path:
    """Trained by one process."""
    project = make_project()
    finish(project, [sys.executable, *stage()])
    return project


@pytest.fixture(scope="module")
def together(make_project: Callable[..., Path]) -> Path:
    """Trained by two, each in two micro-batches."""
    project = make_project(accumulation=2)
    said = finish(project, by_launcher(stage()))
    assert said.count("trained ") == 1
    return project


def test_two_processes_learn_what_one_learns_in_micro_batches_too(alone: Path, together: Path) -> None:
    """Up to the rounding of a sum in another order, magnified by Adam where a gradient is nothing but rounding."""
    same(alone, together, atol=1e-4)
    moved = [name for name, weight in weights(alone).items() if not torch.equal(weight, weights(together)[name])]
    assert moved, "one process did it all: the two are equal to the last bit"
    for name in ("train/loss", "train/gradient_norm", "epoch/train_loss", "epoch/x0_mse", "epoch/gradient_norm"):
        one, two = logged(alone, name), logged(together, name)
        assert [step for step, _ in one] == [step for step, _ in two]
        assert [value for _, value in two] == pytest.approx([value for _, value in one], rel=1e-4)


def test_muon_too_learns_the_same_in_two_that_accelerate_started(make_project: Callable[..., Path]) -> None:
    """Muon's orthogonalisation is done in bf16 by every process on the same gradient, so only rounding may differ."""
    one, two = make_project(optimizer="muon", epochs=4), make_project(optimizer="muon", epochs=4)
    finish(one, [sys.executable, *stage()])
    said = finish(two, by_launcher(stage(), "accelerate"))
    assert said.count("trained ") == 1
    assert json.loads((two / "reports/training.json").read_text())["num_processes"] == 2
    losses = [[value for _, value in logged(project, "train/loss")] for project in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    same(one, two, atol=2e-3)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_two_learn_what_one_learns_uncompiled(make_project: Callable[..., Path]) -> None:
    """As presets/gpu.yaml does on several cards: with parameters that coarse steps leave without a gradient."""
    one, two = make_project(epochs=2), make_project(epochs=2, compile=True)
    finish(one, [sys.executable, *stage()])
    finish(two, by_launcher(stage()))
    losses = [[value for _, value in logged(project, "epoch/train_loss")] for project in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    same(one, two, atol=1e-3)


def test_the_main_process_alone_writes(together: Path) -> None:
    kinds = [record["kind"] for record in records(together)]
    assert kinds.count("run") == 1
    steps = [step for step, _ in logged(together, "epoch/train_loss")]
    assert len(steps) == len(set(steps)) == TRAIN["epochs"]
    assert json.loads((together / "reports/training.json").read_text())["num_processes"] == 2
    assert len(list(together.glob("runs/*"))) == 1


def test_killed_then_asked_to_stop_two_go_on_as_if_nothing_had_happened_and_one_goes_on_for_two(
    alone: Path, together: Path, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project(accumulation=2)
    with held(project, KILLED_AT) as (launcher, pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert launcher.wait(PATIENCE_S) != 0
    assert newest_step(project) == KILLED_AT
    with held(project, ASKED_AT) as (launcher, _):
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(PATIENCE_S) != 0
    assert newest_step(project) == ASKED_AT + 1, "the step in hand was not finished and saved"
    assert f"going on from step {KILLED_AT} " in (project / "log.txt").read_text()
    assert not (project / "models").exists()
    other = Path(shutil.copytree(project, tmp_path / "one"))
    (code, said), (other_code, _) = as_two_tasks(stage(), project)
    assert (code, other_code) == (0, 0), said
    assert f"going on from step {ASKED_AT + 1} " in said
    same(project, together, atol=0)
    assert f"going on from step {ASKED_AT + 1} " in finish(other, [sys.executable, *stage()])
    same(other, alone, atol=1e-4)


def said_in_one_line(project: Path) -> str:
    """What the main of two processes said; both ended in code 1, and it alone told an error, in one line."""
    ended = as_two_tasks(stage(), project)
    said = [text for _, text in ended]
    assert [code for code, _ in ended] == [1, 1], said
    assert [text.count("error: ") for text in said] == [1, 0]
    assert not any("Traceback" in text for text in said)
    return said[0]


def test_what_the_main_process_refuses_ends_all_with_one_line(together: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(together, tmp_path / "project"))
    shard = next((project / "data/clips").glob("*.npy"))
    content = bytearray(shard.read_bytes())
    content[-5] ^= 16
    shard.write_bytes(content)
    assert "error: data/clips: 1 of 18 clips do not match their digest (clip-" in said_in_one_line(project)


def test_states_that_are_all_damaged_end_all_with_one_line(together: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(together, tmp_path / "project"))
    for state in project.glob("runs/*/state-*.safetensors"):
        state.write_bytes(state.read_bytes()[:-1])
    assert "states is usable; `t2s train --fresh` starts again" in said_in_one_line(project)


def test_a_validation_that_is_not_finite_ends_all_with_the_same_line(make_project: Callable[..., Path]) -> None:
    ended = as_two_tasks(["-c", SPOILT, "nan", *stage()], make_project())
    said = [text for _, text in ended]
    assert [code for code, _ in ended] == [1, 1], said
    errors = [[line for line in text.splitlines() if line.startswith("error: ")] for text in said]
    assert errors == [["error: epoch 1: x0_mse nan; the last good checkpoint is kept: lower train.learning_rate"]] * 2
    assert not any("Traceback" in text for text in said)


def test_a_signal_while_the_main_process_validates_ends_all_at_once_and_they_go_on(
    together: Path, make_project: Callable[..., Path]
) -> None:
    project = make_project(accumulation=2)
    ended = as_two_tasks(["-c", SPOILT, "signal", *stage()], project)
    assert [code for code, _ in ended] == [143, 143], ended
    assert newest_step(project) == 3, "the end of the first epoch"
    assert logged(project, "epoch/x0_mse") == []
    finish(project, by_launcher(stage()))
    same(project, together, atol=0)
    assert logged(project, "epoch/x0_mse") == logged(together, "epoch/x0_mse")


def sharded(folder: Path, **sections: Any) -> dict[str, Any]:
    """What sharded_step.py reports of two processes."""
    (folder / "sections.json").write_text(json.dumps(sections))
    ended = as_two_tasks([str(Path(__file__).parent / "sharded_step.py")], folder)
    assert [code for code, _ in ended] == [0, 0], ended
    report: dict[str, Any] = json.loads((folder / "sharded.json").read_text())
    for part, whole in zip(report["sharded"], report["whole"], strict=True):
        assert part == pytest.approx(whole, rel=1e-4)
    assert report["held"] < 0.55 * report["num_parameters"]
    return report


def test_fsdp2_shards_the_network_and_learns_the_same(
    tiny_section: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    model, diffusion = tiny_section("model", **MODEL), tiny_section("diffusion")
    clip = {"num_frames": 4, "image_size": 8, "fps": 8.0}
    report = sharded(tmp_path, model=model, diffusion=diffusion, clip=clip, steps=3, batch=2)
    assert report["sharded"] == [pytest.approx(each, rel=1e-5) for each in report["whole"]]
    assert report["largest_difference"] < 1e-5
    assert report["whole"][0][0] != report["whole"][-1][0]


def test_fsdp2_shards_the_network_of_the_gpu_preset_at_its_size(tmp_path: Path) -> None:
    """147 million parameters on 1,024 tokens: a step of it, sharded and whole."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    for dotted, value in yaml.safe_load((ROOT / "presets" / "gpu.yaml").read_text("utf-8")).items():
        section, key = dotted.split(".")
        params[section][key] = value
    clip = {"num_frames": params["data"]["num_frames"], "image_size": params["data"]["image_size"], "fps": 16.0}
    report = sharded(tmp_path, model=params["model"], diffusion=params["diffusion"], clip=clip, steps=1, batch=1)
    assert report["num_parameters"] > 100_000_000
