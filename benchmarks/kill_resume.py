"""Kill a training again and again, go on with the same command, and compare with one that was never disturbed.

    python benchmarks/kill_resume.py --kills 30 --workers 0

Kills fall anywhere: while Python starts, between and inside steps, while a checkpoint is written (every fourth waits
for its temporary file). Most are SIGKILL, some SIGTERM and Ctrl-C, which must write a checkpoint and leave within 10 s.
Whenever a training gets to its end, its weights and its history must equal the undisturbed ones bit by bit, MLflow must
hold each metric once, and the next round starts from nothing. Prints JSON; exit code 1 when anything differs.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml
from tiny_project import environment, make_project, stage_command

from t2s.atomic import TEMP_PREFIX
from t2s.sealed import read_sealed
from t2s.tracking.buffer import Buffer
from t2s.training.state import STATE_PATTERN

SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
EXIT_LIMIT_S = 10.0

Outcome = tuple[bytes, list[dict[str, str]]]


class Trainer:
    """`python pipelines/train.py` in a project, in a process group of its own."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._log = (project / "train.log").open("ab")
        self.process = subprocess.Popen(
            stage_command("train"),
            cwd=project,
            env=environment(),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait_until_training(self) -> None:
        """Until this process has written its first checkpoint, or it ended."""
        started = time.time()
        while self.process.poll() is None:
            if any(path.stat().st_mtime > started for path in self._project.glob(f"runs/*/{STATE_PATTERN}")):
                return
            time.sleep(0.01)

    def wait_until_writing(self, timeout_s: float) -> bool:
        """Until a checkpoint's temporary file is there; whether it was."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None and time.monotonic() < deadline:
            if any(self._project.glob(f"runs/*/{TEMP_PREFIX}*")):
                return True
        return False

    def kill(self, number: signal.Signals, group: bool) -> float:
        """Send the signal to the trainer, or to its readers too; return the seconds until it is gone."""
        before = time.monotonic()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait()
        return time.monotonic() - before

    def close(self) -> None:
        """Take away what is left of the group: readers whose trainer was killed."""
        self._log.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def newest_step(project: Path) -> int | None:
    """The step of the newest state on disk."""
    states = sorted(path.stem for path in project.glob(f"runs/*/{STATE_PATTERN}"))
    return int(states[-1].removeprefix("state-")) if states else None


def outcome(project: Path) -> Outcome:
    """What a finished training leaves that must not depend on its interruptions: weights and history."""
    content, _ = read_sealed(project / "models" / "t2s.safetensors")
    weights = content[8 + int.from_bytes(content[:8], "little") :]
    with (project / "reports" / "plots" / "training.csv").open(newline="") as file:
        return weights, list(csv.DictReader(file))


def metrics_once(project: Path) -> bool:
    """Whether MLflow holds every recorded metric exactly once (waits for the last ones)."""
    (path,) = project.glob("runs/*/tracking.jsonl")
    buffer = Buffer(path)
    deadline = time.monotonic() + 120
    while buffer.pending() and time.monotonic() < deadline:
        time.sleep(0.2)
    recorded = {
        (key, record["step"])
        for record, _ in buffer.records()
        if record["kind"] == "metrics"
        for key in record["values"]
    }
    with sqlite3.connect(project / "mlflow.db") as database:
        rows = database.execute(
            "SELECT key, step FROM metrics WHERE run_uuid = ?", (buffer.acknowledged().run_id,)
        ).fetchall()
    database.close()
    return len(rows) == len(set(rows)) and set(rows) == recorded


def as_asked(name: str) -> tuple[int, int]:
    """The code of the loop, or of Python before it begins and after its last state: 128 + n to a shell."""
    number = signal.Signals[name]
    return 128 + number, -number


def set_workers(project: Path, workers: int) -> None:
    """How many processes read clips for the trainer."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text("utf-8"))
    params["runtime"]["num_workers"] = workers
    path.write_text(yaml.safe_dump(params), "utf-8")


def start_again(project: Path) -> None:
    """Forget the training, keep the data."""
    for path in project.glob("runs/*/tracking.jsonl"):
        shutil.rmtree(path.parent)
    shutil.rmtree(project / "models")


def disturb(trainer: Trainer, kill: int, chance: random.Random) -> dict[str, object]:
    """Kill a trainer at a random instant; what was done, or {} when it was through before."""
    number = SIGNALS[kill % len(SIGNALS)]
    during = "writing" if kill % 4 == 3 else "start" if kill % 6 == 5 else "training"
    if during == "start":
        time.sleep(chance.uniform(0, 8))
    else:
        trainer.wait_until_training()
        time.sleep(chance.uniform(0, 3))
        if during == "writing" and not trainer.wait_until_writing(timeout_s=5):
            during = "training"
    if trainer.process.poll() is not None:
        return {}
    seconds = trainer.kill(number, group=kill % 2 == 0)
    if trainer.process.returncode == 0:  # asked after its last step, it ended as it should
        return {}
    return {"signal": number.name, "during": during, "exit_s": round(seconds, 2), "code": trainer.process.returncode}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--workers", type=int, default=0, help="reader processes of the trainer")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--output", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="t2s-kill-") as folder:
        project = make_project(Path(folder))  # the reference reads its clips itself, whatever the others do
        subprocess.run(stage_command("train"), cwd=project, env=environment(), check=True, stderr=subprocess.DEVNULL)
        reference = outcome(project)
        start_again(project)
        set_workers(project, arguments.workers)
        report = run_rounds(project, arguments.kills, random.Random(arguments.seed), reference)
    report = {"workers": arguments.workers, "seed": arguments.seed, **report}
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n", "utf-8")
    good = ("all_identical", "metrics_once", "left_in_time", "left_as_asked")
    sys.exit(0 if all(report[each] for each in good) else 1)


def run_rounds(project: Path, num_kills: int, chance: random.Random, reference: Outcome) -> dict[str, object]:
    """Disturb trainings until `num_kills` are made and the last one is through."""
    kills: list[dict[str, object]] = []
    identical: list[bool] = []
    once: list[bool] = []
    while True:
        trainer = Trainer(project)
        if len(kills) < num_kills:
            done = disturb(trainer, len(kills), chance)
        else:
            trainer.process.wait()
            done = {}
        trainer.close()
        if done:
            kills.append({**done, "step": newest_step(project)})
            print(f"kill {len(kills)}: {kills[-1]}", file=sys.stderr, flush=True)
            continue
        if trainer.process.returncode != 0:
            sys.exit(f"the training failed: {(project / 'train.log').read_text()[-2000:]}")
        identical.append(outcome(project) == reference)
        once.append(metrics_once(project))
        print(f"round {len(identical)}: identical {identical[-1]}, once {once[-1]}", file=sys.stderr, flush=True)
        if len(kills) >= num_kills:
            break
        start_again(project)
    gentle = [kill for kill in kills if kill["signal"] != "SIGKILL" and kill["during"] != "start"]
    return {
        "kills": len(kills),
        "by_signal": dict(Counter(kill["signal"] for kill in kills)),
        "by_instant": dict(Counter(kill["during"] for kill in kills)),
        "trainings_finished": len(identical),
        "trainings_identical": sum(identical),
        "all_identical": all(identical),
        "metrics_once": all(once),
        "slowest_gentle_exit_s": max((kill["exit_s"] for kill in gentle), default=None),
        "left_in_time": all(float(str(kill["exit_s"])) < EXIT_LIMIT_S for kill in gentle),
        "left_as_asked": all(kill["code"] in as_asked(str(kill["signal"])) for kill in gentle),
        "steps_on_disk_at_kills": [kill["step"] for kill in kills],
    }


if __name__ == "__main__":
    main()
