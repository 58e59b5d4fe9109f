"""The mean and standard deviation that images are normalised with."""

import math

import torch
from torch import Tensor

from mnist_study.core.errors import UserError

CHUNK = 1000  # images counted at once; bincount copies them as int64


def measure(images: Tensor) -> tuple[float, float]:
    """Give mean and standard deviation of the pixels of uint8 images, as shares of 255, to four decimals.

    Counted in integers, so that every machine gets the same. Raises UserError where all pixels are equal.
    """
    histogram = torch.zeros(256, dtype=torch.int64)
    for chunk in images.split(CHUNK):
        histogram += torch.bincount(chunk.flatten(), minlength=256)
    counts = histogram.tolist()
    count = sum(counts)
    total = sum(value * times for value, times in enumerate(counts))
    squares = sum(value * value * times for value, times in enumerate(counts))
    spread = count * squares - total * total
    if spread == 0:
        raise UserError("these images cannot be normalised: all their pixels are equal")
    return round(total / count / 255, 4), round(math.sqrt(spread) / count / 255, 4)
