"""Layers that start as if they were not there."""

from typing import TypeVar

from torch import nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def silent(layer: Layer) -> Layer:
    """The layer with weights and bias at zero: what it modulates or adds to begins unchanged (Peebles & Xie 2023)."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
