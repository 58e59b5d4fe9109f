"""Rotation, translation, scale and shear about the image's centre, bilinear.

Rotation and shears are in degrees, rotation clockwise; translations in shares of the image's side. The map is that of
torchvision's `affine`: shear, then scale, then rotate, then translate.
"""

import torch
from torch import Tensor

from mnist_study.core.arithmetic.functions import sine_and_cosine
from mnist_study.core.arithmetic.pixels import at, fixed, shifted

ORDER = 10
PARAMETERS = ("rotation", "translation_x", "translation_y", "scale", "shear_x", "shear_y")
BITS = 16  # of a place's fraction; 8 are left for the weights of neighbours


def apply(pixels: Tensor, drawn: dict[str, Tensor], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    """Look up where each pixel comes from, bilinearly; black outside."""
    height, width = pixels.shape[1:]
    (a, b), (c, d) = inverse(drawn)
    across, down = drawn["translation_x"] * width, drawn["translation_y"] * height
    left = (width - 1) / 2 - (a * across + b * down)
    top = (height - 1) / 2 - (c * across + d * down)
    x = (2 * torch.arange(width, device=pixels.device) + 1 - width).view(1, 1, -1)  # twice the way from the centre
    y = (2 * torch.arange(height, device=pixels.device) + 1 - height).view(1, -1, 1)
    columns = shifted(fixed(a, BITS - 1) * x + fixed(b, BITS - 1) * y + fixed(left, BITS), BITS - 8)
    rows = shifted(fixed(c, BITS - 1) * x + fixed(d, BITS - 1) * y + fixed(top, BITS), BITS - 8)
    column, right = columns >> 8, columns & 255
    row, below = rows >> 8, rows & 255
    upper = at(pixels, row, column) * (256 - right) + at(pixels, row, column + 1) * right
    lower = at(pixels, row + 1, column) * (256 - right) + at(pixels, row + 1, column + 1) * right
    return shifted(upper * (256 - below) + lower * below, 16)


def inverse(drawn: dict[str, Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Give the matrix from output to input, each entry float64 [N]."""
    sine_x, cosine_x = sine_and_cosine(drawn["shear_x"])
    cosine_y = sine_and_cosine(drawn["shear_y"])[1]
    sine, cosine = sine_and_cosine(drawn["rotation"])
    sine_turn, cosine_turn = sine_and_cosine(drawn["rotation"] - drawn["shear_y"])
    tangent = sine_x / cosine_x
    a = cosine_turn / cosine_y
    b = -(cosine_turn * tangent) / cosine_y - sine
    c = sine_turn / cosine_y
    d = -(sine_turn * tangent) / cosine_y + cosine
    scale = drawn["scale"]  # the determinant of (a b; c d) is 1
    return (d / scale, -b / scale), (-c / scale, a / scale)
