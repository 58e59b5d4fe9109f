"""Noise on every pixel, nearly Gaussian; `noise` is its standard deviation as a share of white."""

import torch
from torch import Tensor

from mnist_study.core.arithmetic.pixels import WHITE, clamped, fixed, shifted
from mnist_study.core.arithmetic.random_words import key, keys, words

ORDER = 50
PARAMETERS = ("noise",)
SD = 147.80054127099805  # of the sum of four bytes: sqrt((256^2 - 1) / 3)


def apply(pixels: Tensor, drawn: dict[str, Tensor], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    """Add the sum of a random word's four bytes, less its mean, 510, times the strength in 256ths."""
    strength = fixed(drawn["noise"] * (WHITE / SD), 8)
    first, second = keys(key("noise", seed, epoch), numbers)
    places = torch.arange(pixels[0].numel(), device=pixels.device).view(1, -1)
    word = words((first.view(-1, 1), second.view(-1, 1)), places)
    total = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24)
    return clamped(pixels + shifted((total - 510).view(pixels.shape) * strength, 8))
