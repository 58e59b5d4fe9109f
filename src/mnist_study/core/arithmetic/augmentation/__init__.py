"""Augmentation in integers: a kind a file, each a function of pixels and of what was drawn for every image.

Pixels are int64 [N, H, W] from 0 to `WHITE`, the highest 15-bit number that holds 255 whole steps.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from mnist_study.core.arithmetic.augmentation import affine, blur, brightness, contrast, noise
from mnist_study.core.arithmetic.augmentation.pixels import STEPS, WHITE
from mnist_study.core.arithmetic.random_words import key, uniform

KINDS = (affine, blur, brightness, contrast, noise)  # applied in this order
Ranges = Mapping[str, tuple[float, float]]


def augment(images: Tensor, numbers: Tensor, ranges: Ranges, seed: int, epoch: int) -> Tensor:
    """Turn uint8 images [N, H, W] into pixels; what changes nothing is skipped.

    Each parameter is uniform in its range, drawn by (seed, epoch, its name, the image's number).
    """
    pixels = images.long() * STEPS
    for kind in KINDS:
        if any(ranges.get(name, (neutral, neutral)) != (neutral, neutral) for name, neutral in kind.PARAMETERS.items()):
            drawn = {
                name: _draw(name, ranges.get(name, (neutral, neutral)), numbers, seed, epoch)
                for name, neutral in kind.PARAMETERS.items()
            }
            pixels = kind.apply(pixels, drawn, numbers, seed, epoch)
    return pixels


def _draw(name: str, ends: tuple[float, float], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    low, high = ends
    return low + (high - low) * uniform(key("augmentation", seed, epoch, name), numbers)


def normalised(pixels: Tensor, mean: float, sd: float) -> tuple[Tensor, Tensor]:
    """Give float32 images [N, 1, H, W] for the first convolution, and the bound of their magnitudes [N, 1, 1, 1].

    `mean` and `sd` are of pixels between 0 and 1. The bound is that of black and white, whatever the image.
    """
    scale = torch.tensor(1 / (WHITE * sd), dtype=torch.float32, device=pixels.device)
    shift = torch.tensor(-mean / sd, dtype=torch.float32, device=pixels.device)
    ends = torch.tensor([0.0, float(WHITE)], device=pixels.device) * scale + shift
    bound = ends.abs().amax().view(1, 1, 1, 1).expand(len(pixels), 1, 1, 1)
    return pixels.unsqueeze(1).float() * scale + shift, bound
