"""The averaged weights."""

import pytest
import torch
from torch import nn

from t2s.training.ema import EMA


def model(value: float = 0.0) -> nn.Module:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(value)
    return layer


def test_the_average_ramps_up_and_then_decays_as_configured() -> None:
    """w ← w + (1 - d)(live - w), d = min(decay, (1 + step) / (10 + step))."""
    live = model()
    ema, expected = EMA(live, decay=0.9), 0.0
    with torch.no_grad():
        live.weight.fill_(1.0)
    for step in range(200):
        decay = min(0.9, (1 + step) / (10 + step))
        expected += (1 - decay) * (1.0 - expected)
        ema.update(step)
        torch.testing.assert_close(ema.state()["weight"], torch.full((1, 2), expected))
    assert expected == pytest.approx(1.0, abs=1e-6)


def test_the_first_steps_count_most() -> None:
    live = model()
    ema = EMA(live, decay=0.9999)
    with torch.no_grad():
        live.weight.fill_(1.0)
    ema.update(0)
    assert ema.state()["weight"].max().item() == pytest.approx(0.9)  # 1 - 1/10, not 0.0001


def test_swapping_twice_changes_nothing_and_once_lends_the_average_to_the_model() -> None:
    live = model(1.0)
    ema = EMA(live, decay=0.5)
    with torch.no_grad():
        live.weight.fill_(3.0)
    ema.swap()
    assert live.weight.unique().tolist() == [1.0]
    assert ema.state()["weight"].unique().tolist() == [3.0]
    ema.swap()
    assert live.weight.unique().tolist() == [3.0]


def test_its_state_survives_a_checkpoint() -> None:
    ema = EMA(model(), decay=0.9)
    other = model(2.0)
    ema.load({name: parameter.detach() for name, parameter in other.named_parameters()})
    assert all(torch.equal(ema.state()[name], parameter) for name, parameter in other.named_parameters())
    assert ema.state().keys() == {"weight", "bias"}
