"""What a larger model, clip or data set would cost, from formulas alone: the tables of docs/scaling.md.

    python benchmarks/scaling.py            # show them
    python benchmarks/scaling.py --render   # write them into the page

Nothing is timed. Parameters are counted on the constructed model; FLOPs follow the formulas of docs/scaling.md, which
tests/test_scaling.py holds against PyTorch's own counter.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from workload import REPOSITORY, clip_shape, read_settings

from t2s import atomic
from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.schedule import make_schedule
from t2s.models.config import ClipShape, ModelConfig
from t2s.models.vivit import ViViT

PAGE = REPOSITORY / "docs/scaling.md"
BEGIN, END = "<!-- table: written by benchmarks/scaling.py --render -->", "<!-- end of table -->"

CLIPS = 83_399  # ASL Citizen, arXiv 2304.05934
LEXICON, GLOSSES = 31, 2_733  # tokens: the synthetic signer's words, or 2,731 glosses, each with two special ones
TIMESTEP_FEATURES = 128
LARGE = {"data.image_size": 128, "data.num_frames": 32}
# (what, the GPU preset or none, changes, vocabulary)
CASES: tuple[tuple[str, bool, dict[str, Any], int], ...] = (
    ("params.yaml", False, {}, LEXICON),
    ("params.yaml at 128 × 128 × 32", False, LARGE, GLOSSES),
    ("presets/gpu.yaml, 64 × 64 × 32", True, {}, LEXICON),
    ("presets/gpu.yaml at 128 × 128 × 32", True, LARGE, GLOSSES),
    ("the same, patches of 16", True, {**LARGE, "model.patch_size": 16}, GLOSSES),
    ("the same, patches of 8, factorised", True, {**LARGE, "model.attention": "factorised"}, GLOSSES),
)


@dataclass(frozen=True)
class Cost:
    """Of one clip through the network once. FLOPs: a multiplication and an addition count as two."""

    tokens: int
    linear: int
    attention: int
    convolutions: int

    @property
    def forward(self) -> int:
        """FLOPs of a forward pass."""
        return self.linear + self.attention + self.convolutions

    @property
    def step(self) -> int:
        """FLOPs of forward and backward: each product has two gradients as dear as itself."""
        return 3 * self.forward


def cost(model: ModelConfig, clip: ClipShape) -> Cost:
    """docs/scaling.md, "Arithmetic", term by term. Without norms, softmax, activations and text layers."""
    D, L = model.width, model.text.max_length
    times, places = clip.num_frames // model.tubelet_size, (clip.image_size // model.patch_size) ** 2
    N = times * places
    joint = model.attention == "joint"
    sequences, length = (1, N) if joint else (times, places)
    temporal_paths = 1 if joint else model.depth
    patch = clip.channels * model.tubelet_size * (model.patch_size // model.input_pool) ** 2
    block = N * (8 + 4 * model.mlp_ratio) * D**2 + sequences * (4 * L + 12) * D**2
    linear = model.depth * block + temporal_paths * 8 * N * D**2
    linear += 2 * N * patch * D + (2 * TIMESTEP_FEATURES + 2 * D) * D + 4 * D**2
    attention = model.depth * 4 * sequences * length * (length + L) * D + temporal_paths * 4 * places * times**2 * D
    convolutions = 0
    if model.projection == "linear":
        linear += 2 * N * D * clip.channels * model.tubelet_size * model.patch_size**2
    else:
        G, pixels = model.projection_width, clip.channels * model.projection_stride**2
        cells = clip.num_frames * (clip.image_size // model.projection_stride) ** 2
        spread = G - (pixels if model.projection_sees_input else 0)
        linear += 2 * cells * spread * D
        middle, last = (G // 2, G // 4) if model.projection_taper else (G, G)
        if model.projection == "seed":
            convolutions = 2 * cells * (9 * G * middle + 9 * middle * last + last * pixels)
        else:
            convolutions = 2 * cells * (9 * G * middle + middle * pixels)
    return Cost(N, int(linear), attention, convolutions)


def num_parameters(model: ModelConfig, diffusion: DiffusionConfig, clip: ClipShape, vocabulary: int) -> int:
    """Of the constructed network; built on the meta device, so that size costs no memory."""
    schedule = make_schedule(diffusion)
    with torch.device("meta"):
        network = ViViT(
            model,
            clip,
            vocab_size=vocabulary,
            temporal_weight=0.5,
            alphas_cumprod=schedule.alphas_cumprod.to("meta"),
            prediction_type=diffusion.prediction_type,
        )
    return sum(parameter.numel() for parameter in network.parameters())


def table() -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| configuration | parameters | gradient, MB | tokens | GFLOP forward | of it attention | PFLOP an epoch |"
    yield "|---|---|---|---|---|---|---|"
    for name, on_gpu, changes, vocabulary in CASES:
        settings = read_settings(changes, REPOSITORY / "presets/gpu.yaml" if on_gpu else None)
        clip = clip_shape(settings)
        one = cost(settings.model, clip)
        parameters = num_parameters(settings.model, settings.diffusion, clip, vocabulary)
        yield (
            f"| {name} | {parameters / 1e6:.2f} M | {4 * parameters / 1e6:.1f} | {one.tokens:,} | "
            f"{one.forward / 1e9:,.2f} | {one.attention / one.forward:.0%} | {one.step * CLIPS / 1e15:,.1f} |"
        )


def rendered(page: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, *table(), END + after])


if __name__ == "__main__":
    if "--render" in sys.argv[1:]:
        atomic.write_text(PAGE, rendered(PAGE.read_text("utf-8")))
    else:
        print("\n".join(table()))
