"""Nested Python state ↔ flat tensors and JSON, exactly and without pickle.

Optimizer and RNG states are trees of dicts (with integer keys), lists, tuples, numbers and tensors.
JSON alone would lose tuples, key types and infinities, so each container is written with its kind.
"""

import math
from typing import Any

import torch
from torch import Tensor

Packed = Any  # a JSON value


def pack(value: Any, prefix: str) -> tuple[dict[str, Tensor], Packed]:
    """Split a tree into tensors, named by their path under `prefix`, and a JSON value that refers to them.

    Raises:
        TypeError: the tree holds something else than dict, list, tuple, str, number, bool, None or tensor.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _pack(value, prefix, tensors)


def unpack(packed: Packed, tensors: dict[str, Tensor]) -> Any:
    """The tree that `pack` was given. Raises KeyError when a tensor is missing."""
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    match kind:
        case "tensor":
            return tensors[content]
        case "float":
            return float(content)
        case "dict":
            return {key: unpack(item, tensors) for key, item in content}
        case "list":
            return [unpack(item, tensors) for item in content]
        case "tuple":
            return tuple(unpack(item, tensors) for item in content)
        case _:
            raise KeyError(kind)


def pack_optimizer(optimizer: torch.optim.Optimizer, prefix: str = "optimizer") -> tuple[dict[str, Tensor], Packed]:
    """An optimizer's whole state, tensors named `<prefix>/state/<parameter index>/<name>`."""
    return pack(optimizer.state_dict(), prefix)


def unpack_optimizer(optimizer: torch.optim.Optimizer, packed: Packed, tensors: dict[str, Tensor]) -> None:
    """Restore into `optimizer` what `pack_optimizer` took from one with the same parameters.

    Raises:
        ValueError: the parameter groups do not fit (torch's own check).
    """
    optimizer.load_state_dict(unpack(packed, tensors))


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Packed:
    match value:
        case Tensor():
            tensors[path] = value
            return {"tensor": path}
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {"dict": [[_key(key), _pack(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
        case list():
            return {"list": [_pack(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
        case tuple():
            return {"tuple": [_pack(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
        case _:
            raise TypeError(f"{path}: a {type(value).__name__} cannot be stored without pickle")


def _key(key: object) -> str | int:
    if type(key) in (str, int):
        return key  # type: ignore[return-value]
    raise TypeError(f"a key of type {type(key).__name__} cannot be stored without pickle")
