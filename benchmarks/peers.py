"""Our model beside what a user would pick instead: forward, training step, sampling of one clip, size and memory.

    pip install -e ".[bench]"    # or: pip install --no-deps video-diffusion-pytorch einops-exts rotary-embedding-torch
    python benchmarks/peers.py

Every model runs in a process of its own, all of them once a round; figures are medians over the rounds, ratios too.
Same clips, batch, precision and optimizer for all; ours at full resolution throughout, its cheap coarse phase does not
count here. Steps are made of 4 clips, which every peer has room for, and of params.yaml's number, which the 3D UNets
have not. A peer that is not installed is named and left out.
"""

import json
import sys
from statistics import median
from typing import Any

import torch
from measure import bench_device, count_flops, in_own_process, median_s, peak_memory_mib
from peer_models import PEERS
from results import finding, is_trial, make_parser, record
from workload import QUICK, idle_memory_mib, plain_step, random_inputs, read_settings, sample_as_asked

from t2s.precision import resolve_precision
from t2s.settings import Settings

BATCH = 4
REPEATS = 5
GOALS = (("latte", "Latte's", 10), ("vit_b16", "the forward pass alone of the ancestor's ViT-B/16", 60))
FORWARD, STEP, WHOLE_STEP = "forward, clips/s", "step, clips/s", "step in params.yaml's batches, clips/s"
MEASURES = (FORWARD, STEP, WHOLE_STEP, "one clip, s", "memory, MiB")  # medians over the rounds


def measure_peer(name: str, settings: Settings, batch: int, repeats: int) -> dict[str, Any]:
    """All figures of one model in this process; only the reason where its package is missing."""
    peer, device = PEERS[name], bench_device()
    precision = resolve_precision(settings.train.precision, device)
    torch.manual_seed(0)
    try:
        model = peer.build(settings)
    except ImportError as error:
        return {"skipped": f"{error}; pip install -e '.[bench]'"}
    one = random_inputs(settings, 1, torch.device("cpu"))
    num_parameters = sum(each.numel() for each in model.parameters())
    found: dict[str, Any] = {"M parameters": num_parameters / 1e6}
    idle_mib = idle_memory_mib(device)
    if device.type == "cpu":
        idle_mib -= 4 * num_parameters / 2**20  # the weights, in fp32, are there by now
    model, inputs = model.to(device), random_inputs(settings, batch, device)

    @torch.inference_mode()
    def forward() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            model(*inputs)

    model.eval()
    found[FORWARD] = batch / median_s(forward, repeats)
    if not peer.forward_only:
        found[STEP] = batch / median_s(plain_step(model, inputs, precision), repeats)
    found["memory, MiB"] = peak_memory_mib() - idle_mib
    if not (peer.forward_only or peer.is_slow):
        whole_batch = settings.train.batch_size
        step = plain_step(model, random_inputs(settings, whole_batch, device), precision)
        found[WHOLE_STEP] = whole_batch / median_s(step, repeats)
    model.eval()
    if not peer.forward_only:
        found["one clip, s"] = median_s(lambda: one_clip(model, settings, device), repeats)
    model.cpu()
    with torch.inference_mode():
        found["GFLOP forward"] = count_flops(lambda: model(*one)) / 1e9
    return found


def one_clip(model: torch.nn.Module, settings: Settings, device: torch.device) -> None:
    """Sampled as params.yaml's `sample:` asks for it."""
    noise, _, prompt_ids = random_inputs(settings, 1, device)
    sample_as_asked(model, settings.sample, settings.diffusion, noise, prompt_ids)


def summed_up(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The last round with the measured figures replaced by their medians."""
    medians = {name: median(each[name] for each in rounds) for name in MEASURES if name in rounds[-1]}
    return rounds[-1] | medians


def times_faster(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], measure: str) -> float | None:
    """Median over the rounds of our steps over theirs, or over their forward passes where they make no steps.

    None where they make none of this kind.
    """
    against = measure if STEP in theirs[-1] else FORWARD
    if against not in theirs[-1]:
        return None
    return median(our[measure] / each[against] for our, each in zip(ours, theirs, strict=True))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only",
        choices=list(PEERS),
        action="append",
        help="these models beside ours, again for more; writes no result",
    )
    parser.add_argument("--measure", choices=list(PEERS), help="measure this model here and print its figures")
    arguments = parser.parse_args()
    batch, repeats, rounds = (1, 1, 1) if arguments.quick else (BATCH, REPEATS, arguments.rounds)
    settings = read_settings(QUICK if arguments.quick else {})
    if arguments.measure:
        print(json.dumps(measure_peer(arguments.measure, settings, batch, repeats)))
        return
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
    chosen = [name for name in PEERS if name == "ours" or name in (arguments.only or PEERS)]
    missing = []
    for _ in range(rounds):
        for name in list(chosen):
            one = in_own_process(__file__, "--measure", name, *(["--quick"] if arguments.quick else []))
            if "skipped" in one:
                print(f"{PEERS[name].title}: left out, {one['skipped']}", file=sys.stderr)
                chosen.remove(name)
                missing.append(f"{PEERS[name].title}: not installed, left out.")
                continue
            found[name].append(one)
    figures = {name: summed_up(each) for name, each in found.items() if each}
    batches = {STEP: f"batches of {batch}", WHOLE_STEP: f"batches of {settings.train.batch_size}"}
    ratios = {
        measure: {name: times_faster(found["ours"], each, measure) for name, each in found.items() if each}
        for measure in batches
    }
    content = {
        "settings": {"batch": batch, "batch_size": settings.train.batch_size, "rounds": rounds},
        "findings": [
            finding(f"our step over {what}, {title}", ratios[measure].get(name), at_least=goal)
            for name, what, goal in GOALS
            for measure, title in batches.items()
        ],
        "tables": {
            f"Batches of {batch} clips; one clip sampled with params.yaml's steps and guidance": [
                {"model": PEERS[name].title, **row}
                | {f"our step is faster by, {title}": ratios[measure][name] for measure, title in batches.items()}
                for name, row in figures.items()
            ]
        },
        "notes": missing,
    }
    record("peers", content, is_trial(arguments))


if __name__ == "__main__":
    main()
