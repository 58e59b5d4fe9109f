"""Pixels as integers: their scale, what the kinds of augmentation share, and normalisation.

Pixels are int64 [N, H, W] from 0 to `WHITE`, the highest 15-bit number that holds 255 whole steps.
"""

import torch
from torch import Tensor

STEPS = 128  # of each of the 255 steps of a byte
WHITE = 255 * STEPS


def fixed(numbers: Tensor, bits: int) -> Tensor:
    """Round float64 [N] to multiples of 2^-bits, as int64 [N, 1, 1] to go with images."""
    return (numbers * 2.0**bits).round().long().view(-1, 1, 1)


def shifted(sums: Tensor, bits: int) -> Tensor:
    """Divide integers by 2^bits and round to the nearest, halves up."""
    return (sums + (1 << (bits - 1))) >> bits


def clamped(pixels: Tensor) -> Tensor:
    """Cut off what is darker than black or brighter than white."""
    return pixels.clamp(0, WHITE)


def normalised(pixels: Tensor, mean: float, sd: float) -> tuple[Tensor, Tensor]:
    """Give float32 images [N, 1, H, W] for the first convolution, and the bound of their magnitudes [N, 1, 1, 1].

    `mean` and `sd` are of pixels between 0 and 1. The bound is that of black and white, whatever the image.
    """
    scale = torch.tensor(1 / (WHITE * sd), dtype=torch.float32, device=pixels.device)
    shift = torch.tensor(-mean / sd, dtype=torch.float32, device=pixels.device)
    ends = torch.tensor([0.0, float(WHITE)], device=pixels.device) * scale + shift
    bound = ends.abs().amax().view(1, 1, 1, 1).expand(len(pixels), 1, 1, 1)
    return pixels.unsqueeze(1).float() * scale + shift, bound
