"""The blend residual: x0_hat = (1 - g)·net + g·x_t/a, whatever the network predicts."""

import pytest
import torch

from t2s.diffusion.prediction import to_x0
from t2s.diffusion.schedule import Schedule, cosine, rescale_zero_terminal_snr
from t2s.models.residual import BlendResidual

KINDS = ("sample", "v", "epsilon")
SCHEDULE = Schedule(cosine(50))


@pytest.mark.parametrize("kind", KINDS)
def test_in_every_prediction_space_it_blends_the_networks_x0_with_the_copys(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(0, 49, 4)
    output, x_t = torch.randn(2, len(t), 3, 2, 4, 4, generator=generator)
    blend = BlendResidual(SCHEDULE.alphas_cumprod, kind)
    with torch.no_grad():
        blend.logit.copy_(torch.randn(50, generator=generator))
    gate = torch.sigmoid(blend.logit[t]).view(-1, 1, 1, 1, 1)
    x0_net = to_x0(kind, output, x_t, t, SCHEDULE)
    x0_copy = x_t / SCHEDULE.signal[t].float().view(-1, 1, 1, 1, 1)
    x0_blend = to_x0(kind, blend(output, x_t, t), x_t, t, SCHEDULE)
    torch.testing.assert_close(x0_blend, (1 - gate) * x0_net + gate * x0_copy, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_starts_open_where_copying_is_good_and_shut_where_it_is_noise(kind: str) -> None:
    gate = torch.sigmoid(BlendResidual(SCHEDULE.alphas_cumprod, kind).logit)
    assert gate.shape == (50,)
    assert (gate.diff() <= 0).all()
    assert gate[0] > 0.8
    assert gate[25] < 0.01
    assert gate[-1] < 1e-4


def test_a_shut_gate_is_the_network_and_an_open_one_the_copy() -> None:
    t, x_t = torch.tensor([7]), torch.full((1, 3, 2, 4, 4), 0.5)
    blend, output = BlendResidual(SCHEDULE.alphas_cumprod, "sample"), torch.zeros(1, 3, 2, 4, 4)
    for logit, expected in ((-40.0, output), (40.0, x_t / SCHEDULE.signal[7].float())):
        with torch.no_grad():
            blend.logit.fill_(logit)
        torch.testing.assert_close(blend(output, x_t, t), expected)


@pytest.mark.parametrize("kind", ["sample", "v"])
def test_pure_noise_at_zero_terminal_snr_is_kept_out(kind: str) -> None:
    blend = BlendResidual(rescale_zero_terminal_snr(cosine(50)), kind)
    blended = blend(torch.zeros(1, 3, 2, 4, 4), torch.ones(1, 3, 2, 4, 4), torch.tensor([49]))
    assert blended.abs().max() < 0.02


def test_the_gate_is_trained_and_the_skip_is_not_kept_in_checkpoints() -> None:
    blend = BlendResidual(SCHEDULE.alphas_cumprod, "sample")
    assert list(blend.state_dict()) == ["logit"]
    assert blend.logit.requires_grad
