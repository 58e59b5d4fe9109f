"""The networks, one file an architecture; `build` finds the file by the architecture's name."""

from importlib import import_module
from typing import Any

from torch import nn


def build(architecture: str, **options: Any) -> nn.Sequential:  # noqa: ANN401 - each architecture has its own options
    """Build a network with fresh weights, drawn from torch's global generator.

    It takes images [N, 1, side, side] and gives logits [N, classes].
    """
    return import_module(f"{__name__}.{architecture}").build(**options)


def count_parameters(model: nn.Module) -> int:
    """Count what training changes: weights and biases, not running statistics."""
    return sum(parameter.numel() for parameter in model.parameters())
