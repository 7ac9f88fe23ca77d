"""Classifier-free guidance: its algebra, one batched pass, and what the rescale keeps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2s.diffusion.guidance import guided

X = torch.randn(3, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
T = torch.tensor([1, 2, 3])
IDS = torch.tensor([[2, 0], [3, 4], [5, 0]])
DIRECTION = torch.randn(X.shape[1:], generator=torch.Generator().manual_seed(1))


class Toy:
    """x_t plus a fixed picture per prompt; counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, x_t: torch.Tensor, t: torch.Tensor, prompt_ids: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(x_t))
        amount = prompt_ids.sum(1).view(-1, 1, 1, 1, 1) + t.view(-1, 1, 1, 1, 1)
        return x_t + amount * DIRECTION


PROMPTED, NULL = Toy()(X, T, IDS), Toy()(X, T, torch.zeros_like(IDS))


def test_scale_one_is_the_conditional_model_itself_in_one_pass() -> None:
    toy = Toy()
    assert torch.equal(guided(toy, 1.0, rescale=0.7)(X, T, IDS), PROMPTED)
    assert toy.batches == [3]


def test_other_scales_take_one_batched_pass() -> None:
    toy = Toy()
    guided(toy, 3.0)(X, T, IDS)
    assert toy.batches == [6]


def test_scale_zero_ignores_the_prompt() -> None:
    torch.testing.assert_close(guided(Toy(), 0.0)(X, T, IDS), NULL)


@given(st.floats(-2, 20))
def test_guidance_is_linear_in_its_scale(scale: float) -> None:
    expected = (1 - scale) * NULL + scale * PROMPTED
    torch.testing.assert_close(guided(Toy(), scale)(X, T, IDS), expected, rtol=1e-4, atol=1e-4)


def test_a_null_prompt_is_not_pushed_anywhere() -> None:
    torch.testing.assert_close(guided(Toy(), 7.0)(X, T, torch.zeros_like(IDS)), NULL)


@pytest.mark.parametrize("scale", [2.0, 8.0])
def test_full_rescale_keeps_the_prompted_standard_deviation(scale: float) -> None:
    wanted = PROMPTED.flatten(1).std(1)
    torch.testing.assert_close(guided(Toy(), scale, rescale=1.0)(X, T, IDS).flatten(1).std(1), wanted)
    plain, half = (guided(Toy(), scale, rescale=phi)(X, T, IDS) for phi in (0.0, 0.5))
    torch.testing.assert_close(half, (plain + guided(Toy(), scale, rescale=1.0)(X, T, IDS)) / 2)
    assert (plain.flatten(1).std(1) > 1.2 * wanted).all()
