"""Optimizer state without pickle: what comes back is what went in."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2s.training.muon import Muon
from t2s.training.packing import pack, pack_optimizer, unpack, unpack_optimizer


def trained(kind: type[torch.optim.Optimizer], **options: object) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 2, bias=False))
    optimizer = kind(
        [{"params": module[0].parameters()}, {"params": module[1].parameters(), "lr": 0.5}],
        **{"lr": 0.1, **options},
    )
    step(module, optimizer, 3)
    return module, optimizer


def step(module: torch.nn.Module, optimizer: torch.optim.Optimizer, times: int) -> None:
    for number in range(times):
        optimizer.zero_grad()
        module(torch.full((2, 3), float(number + 1))).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.AdamW, {"amsgrad": True}),
        (torch.optim.SGD, {"momentum": 0.9}),
        (Muon, {"weight_decay": 0.1}),
        (torch.optim.AdamW, {"lr": torch.tensor(0.1)}),
    ],
)
def test_a_restored_optimizer_goes_on_bit_by_bit(kind: type[torch.optim.Optimizer], options: dict[str, object]) -> None:
    module, optimizer = trained(kind, **options)
    tensors, packed = pack_optimizer(optimizer)
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    step(module, optimizer, 2)

    other_module, other = trained(kind, **options)
    other_module.load_state_dict(weights)
    unpack_optimizer(other, json.loads(json.dumps(packed)), saved)
    step(other_module, other, 2)
    for name, tensor in module.state_dict().items():
        assert torch.equal(other_module.state_dict()[name], tensor)


def test_adamw_keeps_types_and_tensor_steps() -> None:
    _, optimizer = trained(torch.optim.AdamW)
    tensors, packed = pack_optimizer(optimizer, "opt")
    state = unpack(json.loads(json.dumps(packed)), tensors)
    assert state["param_groups"][0]["betas"] == (0.9, 0.999)
    assert set(state["state"]) == {0, 1}
    assert torch.equal(tensors["opt/state/0/step"], torch.tensor(3.0))


def test_another_parameter_list_is_refused() -> None:
    tensors, packed = pack_optimizer(trained(torch.optim.AdamW)[1])
    other = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])
    with pytest.raises(ValueError, match="parameter group"):
        unpack_optimizer(other, packed, tensors)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_any_tree_comes_back_with_its_types(tree: object) -> None:
    tensors, packed = pack(tree, "t")
    assert tensors == {}
    assert repr(unpack(json.loads(json.dumps(packed, allow_nan=False)), tensors)) == repr(tree)


def test_tensors_are_named_by_their_path() -> None:
    tree = {"rng": [torch.tensor([1]), {3: (torch.tensor([2]), math.inf)}]}
    tensors, packed = pack(tree, "run")
    assert list(tensors) == ["run/rng/0", "run/rng/1/3/0"]
    assert unpack(packed, tensors) == tree


@pytest.mark.parametrize("value", [object(), {1.5: 0}, [print], {None: 1}])
def test_what_would_need_pickle_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="without pickle"):
        pack(value, "t")
