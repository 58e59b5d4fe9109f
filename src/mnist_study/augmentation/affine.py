"""Rotation, translation, scale and shear about the image's centre, bilinear.

Rotation and shears are in degrees, rotation clockwise; translations in shares of the image's side. The map is that of
torchvision's `affine`: shear, then scale, then rotate, then translate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_study.core.arithmetic.functions import sine_and_cosine
from mnist_study.core.arithmetic.pixels import fixed, shifted

ORDER = 10
PARAMETERS = ("rotation", "translation_x", "translation_y", "scale", "shear_x", "shear_y")
BORDER = 2  # pixels of black around the image, so that a place beyond it and its neighbours are black
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
    return _looked_up(pixels, columns, rows)


def _looked_up(pixels: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Give what is seen at int64 places [N, H, W], in 256ths of a pixel; sums stay below 2^31."""
    height, width = pixels.shape[1:]
    framed = F.pad(pixels.int(), (BORDER,) * 4)
    column = (columns >> 8).clamp(-BORDER, width) + BORDER
    row = (rows >> 8).clamp(-BORDER, height) + BORDER
    place, line = (row * framed.shape[2] + column).flatten(1), framed.shape[2]
    right, below = (columns & 255).int(), (rows & 255).int()

    def neighbour(offset: int) -> Tensor:
        return framed.flatten(1).gather(1, place + offset).view(columns.shape)

    upper = neighbour(0) * (256 - right) + neighbour(1) * right
    lower = neighbour(line) * (256 - right) + neighbour(line + 1) * right
    return shifted(upper * (256 - below) + lower * below, 16).long()


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
