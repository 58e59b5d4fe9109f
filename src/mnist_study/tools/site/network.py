"""A trained network as plain JSON for scorer.js: its cells, and its tensors as base64 of little-endian float32."""

import base64
from typing import Any

from torch import Tensor, nn

from mnist_study.core.arithmetic.network import Cell, read


def describe(model: nn.Module, mean: float, sd: float) -> dict[str, Any]:
    """Describe a network and what its images are normalised with.

    A cell that uses an earlier cell's convolution again has that cell's number, from 0, as its `weight`. Raises
    UnsupportedError for a network that the arithmetic does not define.
    """
    network = read(model)
    head, first = network.head, {}
    for number, cell in enumerate(network.cells):
        first.setdefault(cell.convolution, number)
    return {
        "mean": mean,
        "sd": sd,
        "cells": [_cell(cell, number, first[cell.convolution]) for number, cell in enumerate(network.cells)],
        "head": head and {"shape": list(head.weight.shape), "weight": _packed(head.weight), "bias": _packed(head.bias)},
    }


def _cell(cell: Cell, number: int, first: int) -> dict[str, Any]:
    layer, norm = cell.convolution, cell.norm
    return {
        "shape": list(layer.weight.shape),
        "padding": int(layer.padding[0]),
        "weight": _packed(layer.weight) if first == number else first,
        "bias": None if layer.bias is None else _packed(layer.bias),
        "firstRelu": cell.first_relu,
        "norm": norm and _norm(norm),
        "lastRelu": cell.last_relu,
        "pool": cell.pool,
    }


def _norm(norm: nn.BatchNorm2d) -> dict[str, str]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    tensors = {"weight": norm.weight, "bias": norm.bias, "mean": norm.running_mean, "variance": norm.running_var}
    return {name: _packed(tensor) for name, tensor in tensors.items()}


def _packed(tensor: Tensor) -> str:
    return base64.b64encode(tensor.detach().cpu().numpy().astype("<f4").tobytes()).decode()
