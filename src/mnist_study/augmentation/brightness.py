"""Brightness: all pixels times `brightness`."""

from torch import Tensor

from mnist_study.core.arithmetic.pixels import clamped, fixed, shifted

ORDER = 30
PARAMETERS = ("brightness",)


def apply(pixels: Tensor, drawn: dict[str, Tensor], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    """Multiply by the factor in 4,096ths."""
    return clamped(shifted(pixels * fixed(drawn["brightness"], 12), 12))
