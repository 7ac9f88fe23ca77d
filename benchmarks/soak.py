"""Train a tiny model for 2,000 steps and watch the trainer's memory and open files: both must stay flat.

    python benchmarks/soak.py --steps 2000 --output reports/soak

Writes OUTPUT.json and OUTPUT.png and prints the JSON; exit code 1 when either grows. Flat means: from a quarter of the
run on, a line through resident memory rises by less than 16 MiB per 1,000 steps, and no more files are open at the end
than in the middle.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import linear_regression, median

import matplotlib.pyplot as plt
import yaml
from tiny_project import environment, make_project, stage_command

from t2s.training.state import STATE_PATTERN

MAX_GROWTH_MIB = 16.0  # per 1,000 steps
SAMPLE_EVERY_S = 0.5

Sample = dict[str, float]


def sample(pid: int, project: Path) -> Sample | None:
    """Resident memory in MiB, open files and the newest saved step of a process; None once it is gone."""
    process = Path("/proc") / str(pid)
    try:
        status = (process / "status").read_text()
        num_files = len(list((process / "fd").iterdir()))
        resident_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return None
    states = sorted(path.stem for path in project.glob(f"runs/*/{STATE_PATTERN}"))
    step = int(states[-1].removeprefix("state-")) if states else 0
    return {"resident_mib": resident_kib / 1024, "open_files": num_files, "step": step}


def watch(project: Path) -> list[Sample]:
    """Run the train stage to its end and sample it."""
    started = time.monotonic()
    samples: list[Sample] = []
    with subprocess.Popen(stage_command("train"), cwd=project, env=environment(), stderr=subprocess.DEVNULL) as trainer:
        while trainer.poll() is None:
            taken = sample(trainer.pid, project)
            if taken is not None:
                samples.append({**taken, "seconds": time.monotonic() - started})
            time.sleep(SAMPLE_EVERY_S)
    if trainer.returncode != 0:
        sys.exit("the training failed")
    return samples


def judge(samples: list[Sample]) -> dict[str, object]:
    """The figures of a run and whether they are flat."""
    last = samples[-1]["step"]
    settled = [one for one in samples if one["step"] >= last / 4]
    slope, _ = linear_regression([one["step"] for one in settled], [one["resident_mib"] for one in settled])
    third = len(settled) // 3
    files = [median(one["open_files"] for one in part) for part in (settled[:third], settled[-third:])]
    return {
        "steps": last,
        "seconds": round(samples[-1]["seconds"], 1),
        "resident_mib_settled": round(settled[0]["resident_mib"], 1),
        "resident_mib_end": round(settled[-1]["resident_mib"], 1),
        "growth_mib_per_1000_steps": round(1000 * slope, 2),
        "open_files_start": files[0],
        "open_files_end": files[1],
        "flat": 1000 * slope < MAX_GROWTH_MIB and files[1] <= files[0],
    }


def plot(samples: list[Sample], path: Path) -> None:
    """Memory and open files over the run."""
    figure, (memory, files) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    steps = [one["step"] for one in samples]
    memory.plot(steps, [one["resident_mib"] for one in samples])
    memory.set(ylabel="resident memory, MiB", ylim=(0, None), title="Soak: a tiny model, trained by the train stage")
    files.plot(steps, [one["open_files"] for one in samples], color="tab:orange")
    files.set(ylabel="open files", xlabel="step", ylim=(0, None))
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=0, help="reader processes of the trainer")
    parser.add_argument("--output", type=Path, default=Path("soak"), help="path without suffix")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="t2s-soak-") as folder:
        runtime = {"num_workers": arguments.workers, "checkpoint_every_s": 0.5}
        coarse = {"coarse_fraction": 0.2}  # the change to full size, and its memory, come before the judged part
        project = make_project(Path(folder), train=coarse, runtime=runtime)
        lengthen(project, arguments.steps)
        samples = watch(project)
    report = judge(samples)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    plot(samples, arguments.output.with_suffix(".png"))
    text = json.dumps(report, indent=2)
    arguments.output.with_suffix(".json").write_text(text + "\n", "utf-8")
    print(text)
    sys.exit(0 if report["flat"] else 1)


def lengthen(project: Path, num_steps: int) -> None:
    """Set train.epochs so that the run has at least `num_steps` steps, with validation and samples now and then."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text("utf-8"))
    clips = sum('"split": "train"' in line for line in (project / "data" / "clips" / "index.jsonl").open())
    epochs = -(-num_steps * params["train"]["batch_size"] // clips)
    every = max(1, epochs // 20)
    params["train"] |= {"epochs": epochs, "sample_epochs": list(range(every, epochs, every))}
    params["train"]["validation"] |= {"every_epochs": every}
    path.write_text(yaml.safe_dump(params), "utf-8")


if __name__ == "__main__":
    main()
