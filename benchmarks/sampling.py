"""From a cold `t2s sample hello` to its parts, clips per second in batches, and what fewer steps cost.

    python benchmarks/sampling.py                            # needs models/ and data of a finished `dvc repro`
    python benchmarks/sampling.py --checkpoint models/t2s.safetensors --clips-per-sign 4

The curve: clips of every sign for each sampler and number of steps, the same noise for all, judged by the recogniser;
noise and sharpness of the clips beside it, for a sign can be read long before its picture is clean. Each row ends with
the default's rounds of polish. Without a recogniser the curve is left out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import forget_peak, median_s, peak_memory_mib
from results import finding, make_parser, record, skip

from t2s.checkpoint import load_checkpoint
from t2s.data.statistics import high_frequency_energy, motion_energy, noise_level
from t2s.evaluation.judge import labels_of
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.recognition import hits
from t2s.sampling import DEFAULT_NUM_STEPS, DEFAULT_SAMPLER, Text2Sign

BATCHES = (1, 2, 4, 8, 16, 28)
STEPS = (4, 6, 8, 12, 20, 50)
TOLERANCE = 0.01  # top-1 that the default may lose against the most steps
ANCESTOR_STEPS = 8  # of which the ancestor reports 5.5 to 12.6 s a clip and 3.12 GB, on an L4
APPEARANCE = {"pixel noise": noise_level, "sharpness": high_frequency_energy, "motion": motion_energy}
STARTED = "T2S_BENCH_STARTED"  # time.monotonic() of the parent just before it started the child

# What `t2s sample` does, with the imports that it makes on the way pulled to the front, and a clock between the parts.
CHILD = f"""
import json, os, sys, time
times = [float(os.environ["{STARTED}"])]
import t2s.cli, t2s.prompts, t2s.sampling, safetensors.torch
from t2s.diffusion.lean_import import import_solvers
import_solvers()
times.append(time.monotonic())
model = t2s.sampling.Text2Sign.from_checkpoint(sys.argv[1], sys.argv[4])
times.append(time.monotonic())
clips = model(sys.argv[2])
times.append(time.monotonic())
clips.save(sys.argv[3])
times.append(time.monotonic())
parts = zip(("import", "load", "sample", "write"), times, times[1:])
print(json.dumps({{name: end - start for name, start, end in parts}}))
"""


def cold_start(checkpoint: Path, prompt: str, device: str, repeats: int) -> dict[str, float]:
    """Median seconds of the whole command and of its parts, each time in a new process."""
    parts: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="t2s-sampling-") as folder:
        for _ in range(repeats):
            started = time.monotonic()
            command = [str(Path(sys.executable).with_name("t2s")), "sample", prompt]
            command += ["--checkpoint", str(checkpoint), "--output-dir", folder, "--device", device]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            whole = time.monotonic() - started
            child = [sys.executable, "-c", CHILD, str(checkpoint), prompt, f"{folder}/clip.mp4", device]
            environment = os.environ | {STARTED: str(time.monotonic())}
            made = subprocess.run(child, check=True, stdout=subprocess.PIPE, env=environment, text=True)
            parts.append({"t2s sample": whole, **json.loads(made.stdout)})
    found = {name: median(each[name] for each in parts) for name in parts[0]}
    whole, *shares = found.values()
    return found | {"rest": whole - sum(shares)}


def throughput(model: Text2Sign, batches: tuple[int, ...]) -> list[dict[str, Any]]:
    """Clips per second by batch size."""
    rows = []
    for batch in batches:
        prompts, seeds = (model.prompts * batch)[:batch], list(range(batch))
        seconds = median_s(lambda prompts=prompts, seeds=seeds: model.generate(prompts, seeds))
        rows.append({"batch": batch, "clips/s": batch / seconds, "s a batch": seconds})
    return rows


def quality(
    model: Text2Sign, recogniser: Recogniser, clips_per_sign: int, steps: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Generated top-1 by sampler and number of steps, with its standard error, and how the clips look."""
    signs = [sign for sign in recogniser.signs if sign in model.prompts for _ in range(clips_per_sign)]
    labels, seeds = labels_of(recogniser, signs), list(range(len(signs)))
    rows = []
    for sampler in ("ddim", "dpmpp"):
        for num_steps in steps:
            clips = model.generate(signs, seeds, num_steps=num_steps, sampler=sampler).float().cpu()
            hit = hits(recogniser.read(clips).logits, labels)
            error = float(np.std(hit) / len(hit) ** 0.5)
            row = {"sampler": sampler, "steps": num_steps, "top-1": float(hit.mean()), "standard error": error}
            looks = {name: float(measure(clips.numpy()).mean()) for name, measure in APPEARANCE.items()}
            rows.append({**row, **looks, "clips": len(hit)})
            print(row, file=sys.stderr)
    return rows


def fewest_steps(rows: list[dict[str, Any]], sampler: str, tolerance: float) -> int:
    """The least number of steps from which on this sampler loses less than `tolerance` top-1 against its most steps."""
    curve = sorted((row["steps"], row["top-1"]) for row in rows if row["sampler"] == sampler)
    enough = curve[-1][0]
    for steps, top1 in reversed(curve):
        if top1 <= curve[-1][1] - tolerance:
            break
        enough = steps
    return enough


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("models/t2s.safetensors"))
    parser.add_argument("--recogniser", type=Path, default=Path("models/recogniser.safetensors"))
    parser.add_argument("--device", default="cpu", help="cpu or cuda; a GPU's figures are kept as sampling_gpu")
    parser.add_argument("--prompt", default="hello", help="of the cold start")
    parser.add_argument("--clips-per-sign", type=int, default=4)
    arguments = parser.parse_args()
    if not arguments.checkpoint.is_file():
        skip("sampling", f"{arguments.checkpoint}: no such file; run `dvc repro` first or give --checkpoint")
    model = Text2Sign.from_checkpoint(arguments.checkpoint, arguments.device)
    cold = cold_start(arguments.checkpoint, arguments.prompt, arguments.device, 1 if arguments.quick else 5)
    forget_peak()
    few_s = median_s(lambda: model.generate([arguments.prompt], [0], num_steps=ANCESTOR_STEPS))
    few_mib = peak_memory_mib()
    batches = throughput(model, BATCHES[:2] if arguments.quick else BATCHES)
    recogniser = None
    if arguments.recogniser.is_file():
        saved = load_checkpoint(arguments.recogniser, kind="recogniser")
        recogniser = Recogniser.restore(saved.tensors, saved.metadata)
    clips_per_sign, steps = (1, STEPS[:2]) if arguments.quick else (arguments.clips_per_sign, STEPS)
    curve = quality(model, recogniser, clips_per_sign, steps) if recogniser else []
    findings = [
        finding("cold `t2s sample`, s", cold["t2s sample"], at_most=4.0),
        finding("of which imports, s", cold["import"], at_most=2.5),
        finding(f"a clip of {model.clip.num_frames} frames of {model.clip.image_size} x {model.clip.image_size} in "
                f"{ANCESTOR_STEPS} steps and the default's polish, s", few_s),
        finding(f"{'GPU' if model.device.type == 'cuda' else 'resident'} memory with it, MiB", few_mib),
        finding("most clips/s in a batch", max(row["clips/s"] for row in batches)),
    ]  # fmt: skip
    if curve:
        top1 = {row["steps"]: row["top-1"] for row in curve if row["sampler"] == DEFAULT_SAMPLER}
        lost = top1[max(top1)] - top1.get(DEFAULT_NUM_STEPS, top1[max(top1)])
        findings += [
            finding(f"top-1 that the default's {DEFAULT_NUM_STEPS} steps lose against {max(top1)}", lost,
                    at_most=TOLERANCE),
            finding(f"fewest {DEFAULT_SAMPLER} steps that lose < {TOLERANCE} top-1",
                    fewest_steps(curve, DEFAULT_SAMPLER, TOLERANCE)),
        ]  # fmt: skip
    tables = {"Cold start, s": [cold], "Batches, default steps and guidance": batches}
    notes = [] if curve else ["No recogniser was there to judge clips: the steps-to-quality curve is left out."]
    tables |= {"Steps against quality": curve} if curve else {}
    name = "sampling_gpu" if model.device.type == "cuda" else "sampling"
    record(name, {"findings": findings, "tables": tables, "notes": notes}, arguments.quick)


if __name__ == "__main__":
    main()
