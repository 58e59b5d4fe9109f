"""Blur over three pixels of a row, then of a column; `blur` is the standard deviation in pixels, at most 1."""

import torch.nn.functional as F
from torch import Tensor

from mnist_study.core.arithmetic.pixels import fixed, shifted

ORDER = 20
PARAMETERS = ("blur",)


def apply(pixels: Tensor, drawn: dict[str, Tensor], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    """Give each neighbour half the variance as its weight, in 256ths; black outside."""
    weight = fixed(drawn["blur"] * drawn["blur"] / 2, 8).clamp(max=128)
    for axis in (2, 1):
        padding = (1, 1, 0, 0) if axis == 2 else (0, 0, 1, 1)
        wide = F.pad(pixels, padding)
        count = pixels.shape[axis]
        sides = wide.narrow(axis, 0, count) + wide.narrow(axis, 2, count)
        pixels = shifted(pixels * (256 - 2 * weight) + sides * weight, 8)
    return pixels
