"""Pixels of a batch as planes; normalisation is their chain."""

import numpy as np
import torch
from torch import Tensor

from mnist_study.core.arithmetic.fixed_point import STORED
from mnist_study.core.arithmetic.pixels import WHITE
from mnist_study.kernels.node import Source
from mnist_study.kernels.planes import EXPONENT, HIGH, LOW, Batch, Planes


def pixel_source(side: int, batch: Batch, mean: float, sd: float) -> Source:
    """Give memory for pixels; normalisation is their chain."""
    taken = Source(Planes(batch.blocks, 1, side), batch, relu=False, dropped=0, pool=False)
    taken.scale.array[0] = torch.tensor(1 / (WHITE * sd), dtype=torch.float32)
    taken.shift.array[0] = torch.tensor(-mean / sd, dtype=torch.float32)
    for field, value in ((EXPONENT, STORED - 1), (LOW, 0), (HIGH, WHITE)):
        taken.planes.field(field)[:] = value
    return taken


def put(pixels: Tensor, planes: Planes) -> None:
    """Store pixels [N, side, side]; images that are missing are black."""
    blocks, _, _, pairs, lanes, _ = planes.array.shape
    padded = np.zeros((blocks * lanes, planes.side, 2 * pairs), np.int16)
    padded[: len(pixels), :, : planes.side] = pixels.numpy()
    words = padded.view(np.int32).reshape(blocks, lanes, planes.side, pairs)
    planes.array.view(np.int32)[:, 0, : planes.side, :, :, 0] = words.transpose(0, 2, 3, 1)
