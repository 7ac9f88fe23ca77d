"""Tiny ViViTs on clips of 4 frames of 8×8 pixels, fresh or stirred so that nothing in them is zero."""

from collections.abc import Callable

import pytest
import torch

from t2s.diffusion.schedule import cosine
from t2s.models.config import ClipShape
from t2s.models.text import TextEncoder
from t2s.models.vivit import ViViT


@pytest.fixture(scope="session")
def clip() -> ClipShape:
    return ClipShape(num_frames=4, image_size=8, fps=8.0)


@pytest.fixture(scope="session")
def stir() -> Callable[[torch.nn.Module], torch.nn.Module]:
    """Move every parameter off its initial value (adaLN-Zero starts silent), seededly."""

    def stirred(module: torch.nn.Module) -> torch.nn.Module:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
        return module

    return stirred


@pytest.fixture(scope="session")
def make_vivit(make_model_config, stir, clip) -> Callable[..., ViViT]:
    """`make_vivit(stirred=True, temporal_weight=0.5, prediction_type="sample", **model_changes)`, in eval mode."""

    def make(
        stirred: bool = True,
        temporal_weight: float = 0.5,
        prediction_type: str = "sample",
        text_encoder: TextEncoder | None = None,
        **changes,
    ) -> ViViT:
        torch.manual_seed(0)
        model = ViViT(
            make_model_config(**changes),
            clip,
            vocab_size=16,
            temporal_weight=temporal_weight,
            alphas_cumprod=cosine(50),
            prediction_type=prediction_type,
            text_encoder=text_encoder,
        ).eval()
        return stir(model) if stirred else model

    return make


@pytest.fixture
def x_t() -> torch.Tensor:
    """(B, C, F, H, W) = (2, 3, 4, 8, 8)."""
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def t() -> torch.Tensor:
    return torch.tensor([3, 40])


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.tensor([[2, 3, 0, 0], [4, 0, 0, 0]])
