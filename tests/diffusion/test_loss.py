"""The per-clip loss and the weight of what moves."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from t2s.diffusion.loss import frame_difference_mse, motion_weight, mse_per_clip


def clips(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_one_value_per_clip_and_their_mean_is_the_mse() -> None:
    a, b = clips(0, 4, 3, 4, 8, 8), clips(1, 4, 3, 4, 8, 8)
    losses = mse_per_clip(a, b)
    assert losses.shape == (4,)
    torch.testing.assert_close(losses.mean(), torch.nn.functional.mse_loss(a, b))
    assert torch.equal(mse_per_clip(a, a), torch.zeros(4))


def test_half_precision_outputs_are_measured_in_float32() -> None:
    assert mse_per_clip(clips(0, 1, 3, 2, 4, 4).bfloat16(), clips(1, 1, 3, 2, 4, 4)).dtype == torch.float32


@given(st.integers(0, 2**31), st.floats(0, 8))
def test_the_motion_weight_has_mean_one_whatever_moves(seed: int, strength: float) -> None:
    weight = motion_weight(clips(seed, 3, 3, 4, 8, 8), strength)
    assert weight.shape == (3, 1, 4, 8, 8)
    assert (weight > 0).all()
    torch.testing.assert_close(weight.mean((1, 2, 3, 4)), torch.ones(3))


def test_a_still_clip_is_weighed_alike_everywhere() -> None:
    still = clips(0, 2, 3, 1, 8, 8).expand(2, 3, 4, 8, 8)
    torch.testing.assert_close(motion_weight(still, 3.0), torch.ones(2, 1, 4, 8, 8))


def test_moving_pixels_count_more_and_an_outlier_is_bounded() -> None:
    x0 = torch.zeros(1, 3, 4, 8, 8)
    x0[:, :, 2:, 3, 3] = 1.0  # one pixel switches on half way
    weight = motion_weight(x0, 1.0)
    moving, still = weight[0, 0, 0, 3, 3], weight[0, 0, 0, 0, 0]
    assert moving > still
    torch.testing.assert_close(moving / still, torch.tensor(9.0))  # 1 + 8, the clip


def test_the_frame_difference_loss_ignores_what_stands_still() -> None:
    x0 = clips(0, 2, 3, 4, 8, 8)
    torch.testing.assert_close(frame_difference_mse(x0 + clips(1, 2, 3, 1, 8, 8), x0), torch.zeros(2))
    assert (frame_difference_mse(x0.flip(2), x0) > 0).all()
