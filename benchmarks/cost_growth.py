"""Step time and memory against frames, resolution, depth and clips, with the exponents of their growth.

    python benchmarks/cost_growth.py

Every point is one plain training step at full resolution in a process of its own (median of several steps, peak memory
beyond the idle process). Exponents are least-squares slopes of log cost over log size. The last axis grows the number
of tokens with small patches and runs both kinds of attention: where factorised gets cheaper, joint stops paying.
Writes benchmarks/results/cost_growth.json, .csv and .png.
"""

import csv
import json
import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from statistics import linear_regression
from typing import Any

import matplotlib.pyplot as plt
import torch
from measure import bench_device, in_own_process, median_s, peak_memory_mib
from results import RESULTS, finding, make_parser, record
from workload import QUICK, idle_memory_mib, make_denoiser, plain_step, random_inputs, read_settings

from t2s.precision import resolve_precision

AXES: dict[str, tuple[str, tuple[int, ...]]] = {
    "frames": ("data.num_frames", (8, 16, 32, 64)),
    "resolution": ("data.image_size", (32, 64, 96, 128)),
    "depth": ("model.depth", (2, 4, 8, 16)),
    "clips": ("train.batch_size", (2, 4, 8, 16)),
}
SMALL_PATCHES = {"model.patch_size": 8, "train.batch_size": 1}  # 64 tokens a tubelet at 64 pixels
ATTENTION_FRAMES = (16, 32, 64, 128, 256)


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """p of the least-squares fit cost = c · size^p, all values > 0."""
    slope, _ = linear_regression([math.log(size) for size in sizes], [math.log(cost) for cost in costs])
    return slope


def crossover(sizes: Sequence[float], first: Sequence[float], second: Sequence[float]) -> float | None:
    """The size from which on `second` costs no more than `first`, interpolated in the logarithms; None: nowhere yet."""
    gaps = [math.log(a / b) for a, b in zip(first, second, strict=True)]  # > 0: second is cheaper
    if gaps[-1] < 0:
        return None
    for (low, low_gap), (high, high_gap) in reversed(list(pairwise(zip(sizes, gaps, strict=True)))):
        if low_gap < 0:
            share = low_gap / (low_gap - high_gap)
            return math.exp(math.log(low) + share * math.log(high / low))
    return sizes[0]


def measure_point(changes: dict[str, Any], repeats: int) -> dict[str, float]:
    """Tokens, seconds and MiB of one training step under these settings."""
    settings, device = read_settings(changes), bench_device()
    model, data = settings.model, settings.data
    idle_mib = idle_memory_mib(device)
    denoiser = make_denoiser(settings)
    inputs = random_inputs(settings, settings.train.batch_size, device)
    step = plain_step(denoiser.to(device), inputs, resolve_precision(settings.train.precision, device))
    seconds = median_s(step, repeats)
    tokens = (data.num_frames // model.tubelet_size) * (data.image_size // model.patch_size) ** 2
    return {"tokens": tokens, "step, s": seconds, "memory, MiB": max(peak_memory_mib() - idle_mib, 0.1)}


def point(axis: str, size: int, changes: dict[str, Any], quick: bool, **more: Any) -> dict[str, Any]:
    """`measure_point` in a process of its own."""
    made = in_own_process(__file__, "--point", json.dumps(changes), *(["--quick"] if quick else []))
    row = {"axis": axis, "size": size, **more, **made}
    print(row, file=sys.stderr)
    return row


def plot(rows: list[dict[str, Any]]) -> None:
    """Step time and memory over the size on each axis, both logarithmic."""
    names = list(dict.fromkeys((row["axis"], row.get("attention", "")) for row in rows))
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for panel, measure in zip(panels, ("step, s", "memory, MiB"), strict=True):
        for axis, attention in names:
            curve = [row for row in rows if (row["axis"], row.get("attention", "")) == (axis, attention)]
            label = f"{axis} {attention}".strip()
            panel.plot([row["size"] for row in curve], [row[measure] for row in curve], marker="o", label=label)
        panel.set(xscale="log", yscale="log", xlabel="size", ylabel=measure)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize="small")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "cost_growth.png", dpi=80)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--point", help="measure these settings (JSON of dotted keys) here and print the figures")
    arguments = parser.parse_args()
    quick = arguments.quick
    if arguments.point:
        torch.manual_seed(0)
        print(json.dumps(measure_point(json.loads(arguments.point), repeats=1 if quick else 5)))
        return
    base = QUICK if quick else {}
    axes = {"frames": ("data.num_frames", (4, 8))} if quick else AXES
    frames = (8, 16) if quick else ATTENTION_FRAMES
    rows = [point(axis, size, base | {key: size}, quick) for axis, (key, sizes) in axes.items() for size in sizes]
    both: dict[str, list[dict[str, Any]]] = {"joint": [], "factorised": []}
    for num_frames in frames:
        for attention, curve in both.items():
            changes = base | SMALL_PATCHES | {"data.num_frames": num_frames, "model.attention": attention}
            curve.append(point("tokens", 0, changes, quick, attention=attention))
            curve[-1]["size"] = curve[-1]["tokens"]
    fits = []
    for name, curve in [(axis, [row for row in rows if row["axis"] == axis]) for axis in axes] + [
        (f"tokens, {attention}", curve) for attention, curve in both.items()
    ]:
        sizes = [row["size"] for row in curve]
        fits.append({
            "cost over": name,
            "from": sizes[0],
            "to": sizes[-1],
            "exponent of step time": exponent(sizes, [row["step, s"] for row in curve]),
            "exponent of memory": exponent(sizes, [row["memory, MiB"] for row in curve]),
        })  # fmt: skip
    tokens = [row["tokens"] for row in both["joint"]]
    met = crossover(tokens, *([row["step, s"] for row in curve] for curve in both.values()))
    rows += [row for curve in both.values() for row in curve]
    if not quick:
        plot(rows)
        with (RESULTS / "cost_growth.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    content = {
        "findings": [finding(f"tokens from which on factorised attention is cheaper (of {tokens[-1]:,})", met)],
        "tables": {"Fitted exponents": fits, "Points": rows},
        "notes": ["![Step time and memory over size](../benchmarks/results/cost_growth.png)"],
    }  # fmt: skip
    record("cost_growth", content, quick)


if __name__ == "__main__":
    main()
