"""docs/scaling.md: its formulas count what PyTorch counts, its table is what they give today."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from t2s.models.config import ClipShape

ROOT = Path(__file__).parents[1]
CONV = {"projection": "seed", "projection_shortcut": True, "projection_sees_input": True, "projection_width": 24}

UNTAPERED = {**CONV, "input_pool": 2, "projection_taper": False}


@pytest.fixture(scope="module")
def scaling() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return runpy.run_path(str(ROOT / "benchmarks/scaling.py"))
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("attention", ["joint", "factorised"])
@pytest.mark.parametrize("projection", [{}, {**CONV, "input_pool": 2}, {**CONV, "projection": "two_layer"}, UNTAPERED])
def test_products_are_counted_as_pytorch_counts_them(
    scaling: dict[str, Any],
    make_model_config: Callable[..., Any],
    make_diffusion_config: Callable[..., Any],
    attention: str,
    projection: dict[str, Any],
) -> None:
    """Attention apart: PyTorch's counter does not know the kernel that serves it on a CPU."""
    from t2s.diffusion.schedule import make_schedule
    from t2s.models.vivit import ViViT

    config = make_model_config(attention=attention, depth=2, mlp_ratio=3.0, **projection)
    clip = ClipShape(num_frames=6, image_size=16, fps=8.0)
    schedule = make_schedule(make_diffusion_config())
    model = ViViT(
        config,
        clip,
        vocab_size=9,
        temporal_weight=0.5,
        alphas_cumprod=schedule.alphas_cumprod,
        prediction_type="sample",
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 6, 16, 16), torch.tensor([3]), torch.tensor([[2, 3, 0, 0]]))
    counted = {str(name): flops for name, flops in counter.get_flop_counts()["Global"].items()}
    expected = scaling["cost"](config, clip)
    assert counted.pop("aten.convolution", 0) + counted.pop("aten.baddbmm", 0) == expected.convolutions
    assert sum(counted.values()) == expected.linear
    parameters = scaling["num_parameters"](config, make_diffusion_config(), clip, 9)
    assert parameters == sum(parameter.numel() for parameter in model.parameters())


def test_attention_grows_as_the_page_says(scaling: dict[str, Any], make_model_config: Callable[..., Any]) -> None:
    """Four times the tokens: joint attention pays sixteen times. So does factorised attention within a frame: it
    starts lower, by the frames that it does not look across.
    """
    small, large = (ClipShape(num_frames=2 * 8, image_size=size, fps=8.0) for size in (64, 128))
    growth = {}
    for attention in ("joint", "factorised"):
        config = make_model_config(attention=attention)
        one, four = (scaling["cost"](config, clip) for clip in (small, large))
        assert four.tokens == 4 * one.tokens
        growth[attention] = four.attention / one.attention
    assert growth["joint"] == pytest.approx(16, rel=0.05)
    assert growth["factorised"] == pytest.approx(16, rel=0.05)
    joint, factorised = (
        scaling["cost"](make_model_config(attention=attention), large) for attention in ("joint", "factorised")
    )
    assert factorised.attention < joint.attention / 2


def test_the_table_is_what_the_formulas_give_today(scaling: dict[str, Any]) -> None:
    page = (ROOT / "docs/scaling.md").read_text("utf-8")
    assert scaling["rendered"](page) == page, "params.yaml has changed: python benchmarks/scaling.py --render"
