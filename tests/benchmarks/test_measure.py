"""Counting and timing."""

import torch
from measure import count_flops, machine, matmul_peak, median_s
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


def test_a_linear_layer_costs_two_flops_a_weight_and_row() -> None:
    layer, x = nn.Linear(64, 128), torch.randn(10, 64)
    assert count_flops(lambda: layer(x)) == 2 * 10 * 64 * 128


def test_its_training_step_costs_the_gradient_of_the_weights_too() -> None:
    layer, x = nn.Linear(64, 128, bias=False), torch.randn(10, 64)
    assert count_flops(lambda: layer(x).sum().backward()) == 2 * (2 * 10 * 64 * 128)  # x itself needs no gradient
    x.requires_grad_()
    assert count_flops(lambda: layer(x).sum().backward()) == 3 * (2 * 10 * 64 * 128)


def test_attention_is_not_taken_for_free() -> None:
    q = torch.randn(2, 3, 50, 16)
    assert count_flops(lambda: scaled_dot_product_attention(q, q, q)) == 2 * (2 * 2 * 3 * 50 * 50 * 16)


def test_the_median_leaves_out_the_first_call_and_stops_past_the_budget(monkeypatch) -> None:
    now = 0.0
    took = iter([50.0, 5.0, 7.0, 6.0, 50.0, 5.0, 4.0])

    def call() -> None:
        nonlocal now
        now += next(took)

    monkeypatch.setattr("measure.time.perf_counter", lambda: now)
    assert median_s(call, repeats=3, budget_s=100) == 6
    assert median_s(call, repeats=100, budget_s=58) == 4.5
    assert next(took, None) is None


def test_the_machine_is_named_without_its_host_or_a_date() -> None:
    named = machine()
    assert set(named) <= {"cpu", "cores", "gpu", "torch"}
    assert named["cores"] >= 1


def test_a_matmul_peak_is_what_its_square_products_reach(monkeypatch) -> None:
    monkeypatch.setattr("measure.PEAK_SIZES", {"cpu": (100,)})
    monkeypatch.setattr("measure.median_s", lambda call, repeats: call() is None or 0.001)
    assert matmul_peak("fp32", torch.device("cpu")) == 2 * 100**3 / 0.001


def test_a_call_beyond_the_budget_is_made_once(monkeypatch) -> None:
    times = iter([0.0, 30.0])
    monkeypatch.setattr("measure.time.perf_counter", lambda: next(times))
    calls = []
    assert median_s(lambda: calls.append(None), budget_s=20) == 30
    assert len(calls) == 1
