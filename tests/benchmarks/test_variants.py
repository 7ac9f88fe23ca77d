"""The variants are the default with one change, and the averages are what they are called."""

import pytest
import torch
from averages import AVERAGES, WIDTHS, Averages, constant, power
from torch import nn
from variant_models import VARIANTS, SkippedBlock
from workload import QUICK, make_denoiser, random_inputs, read_settings

from t2s.training.ema import EMA


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_trains_every_parameter_it_has(name):
    settings = read_settings(QUICK | {"model.depth": 3} | VARIANTS[name].changes)
    torch.manual_seed(0)
    model = VARIANTS[name].build(settings)
    inputs = random_inputs(settings, 2, torch.device("cpu"))
    for parameter in model.parameters():  # silent layers hide those before them
        nn.init.normal_(parameter, std=0.1)
    answer = model(*inputs)
    assert answer.shape == inputs[0].shape
    answer.square().mean().backward()
    untouched = [key for key, each in model.named_parameters() if each.grad is None or not each.grad.any()]
    assert untouched in ([], ["text.null"])


def test_how_the_prompt_enters():
    """By adaLN, by attention, or by both: with one of the two silenced, what the other reads is left."""
    settings = read_settings(QUICK)
    x_t, t, _ = random_inputs(settings, 1, torch.device("cpu"))
    first, second = torch.tensor([[2] + [0] * 7]), torch.tensor([[3] + [0] * 7])
    ways = {"default": (True, True), "cross": (True, True), "tokens": (True, False), "pooled": (False, True)}
    for name, (reads_tokens, reads_pooled) in ways.items():
        torch.manual_seed(0)
        model = VARIANTS[name].build(settings)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
        encode = model.text.forward

        def without_pooled(ids, encode=encode):
            tokens, pooled, counts = encode(ids)
            return tokens, torch.zeros_like(pooled), counts

        def without_tokens(ids, encode=encode):
            tokens, pooled, counts = encode(ids)
            return torch.zeros_like(tokens), pooled, counts

        for silenced, is_read in ((without_pooled, reads_tokens), (without_tokens, reads_pooled)):
            model.text.forward = silenced
            with torch.no_grad():
                assert (not torch.equal(model(x_t, t, first), model(x_t, t, second))) is is_read, (name, silenced)


def test_skips_start_as_the_network_without_them():
    settings = read_settings(QUICK | {"model.depth": 4})
    inputs = random_inputs(settings, 2, torch.device("cpu"))
    torch.manual_seed(0)
    plain = make_denoiser(settings)
    torch.manual_seed(0)
    skipped = VARIANTS["uvit"].build(settings)
    assert sum(isinstance(block, SkippedBlock) for block in skipped.blocks) == 2
    with torch.no_grad():
        assert torch.allclose(plain(*inputs), skipped(*inputs), atol=1e-6)


def test_a_constant_average_is_the_products():
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    ours, kept = EMA(model, 0.9), Averages(model, {"same": constant(0.9), "none": AVERAGES["none"]})
    for step in range(100):
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        ours.update(step)
        kept.update()
    live = model.weight.detach().clone()
    with kept.in_turn() as names:
        seen = {name: model.weight.detach().clone() for name in names}
    assert torch.allclose(seen["same"], ours.state()["weight"], atol=1e-6)
    assert torch.equal(seen["none"], live)
    assert torch.equal(model.weight, live)


def test_the_width_of_a_power_is_what_it_is_called():
    """The standard deviation of its profile, as a share of the steps (Karras et al. 2024, eq. 125)."""
    assert {name for name in AVERAGES if name.startswith("power")} == {f"power, width .{width}" for width in WIDTHS}
    for width, gamma in ((int(width) / 100, gamma) for width, gamma in WIDTHS.items()):
        assert (gamma + 1) ** 0.5 / ((gamma + 2) * (gamma + 3) ** 0.5) == pytest.approx(width, rel=1e-2)


def test_a_power_averages_by_its_profile():
    """Weights that equal the step: the average of t under density t^g is T (g + 1) / (g + 2)."""
    model, gamma, steps = nn.Linear(1, 1, bias=False), 6.94, 2000
    kept = Averages(model, {"power": power(gamma)})
    for step in range(1, steps + 1):
        nn.init.constant_(model.weight, step)
        kept.update()
    with kept.in_turn() as names:
        assert next(names) == "power"
        assert model.weight.item() == pytest.approx(steps * (gamma + 1) / (gamma + 2), rel=1e-3)
