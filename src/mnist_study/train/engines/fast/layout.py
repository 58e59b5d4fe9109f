"""How the fast engine stores images: [blocks][channels][rows][columns][lanes], the images of a batch innermost.

A block is sixteen images: every instruction does the same thing to as many of them as a register holds, and none is
wasted on the four to twenty channels of these networks. Channels are stored in fours, the last ones empty where a layer
has fewer, because a kernel computes four channels at once.
"""

from collections.abc import Callable

import halide as hl
import numpy as np
import torch
from torch import Tensor

LANES = 16  # images in a block: two registers of AVX2, one of AVX-512
CHANNELS_AT_ONCE = 4
PAIRED = {"fp32": 1, "bf16": 2}  # numbers that one instruction multiplies and adds for each lane
Call = Callable[[], object]  # a kernel or a bit of arithmetic with its arguments


def stored(channels: int) -> int:
    """Round up to the channels that are stored."""
    return -(-channels // CHANNELS_AT_ONCE) * CHANNELS_AT_ONCE


class Planes:
    """An array [blocks, channels, side, side, lanes], seen by Halide whole or in its first blocks only.

    It holds float32, or with precision bf16 the bits of bfloat16, for which numpy has no type.
    """

    def __init__(self, images: int, channels: int, side: int, precision: str) -> None:
        self.precision = precision
        kind = np.uint16 if precision == "bf16" else np.float32
        self.array = np.zeros((images // LANES, channels, side, side, LANES), kind)
        self._buffers: dict[tuple[int, ...], hl.Buffer] = {}

    @property
    def side(self) -> int:
        """Give the rows or columns of an image."""
        return self.array.shape[2]

    def first(self, images: int) -> hl.Buffer:
        """Give the blocks of the first so many images to a kernel."""
        return self._buffer(images, self.side, self.side)

    def in_a_row(self, images: int) -> hl.Buffer:
        """Give the same with each image as one long row."""
        return self._buffer(images, 1, self.side**2)

    def _buffer(self, images: int, rows: int, columns: int) -> hl.Buffer:
        blocks, channels = images // LANES, self.array.shape[1]
        shape = (blocks, channels, rows, columns, LANES)
        if shape not in self._buffers:
            self._buffers[shape] = hl.Buffer(self.array[:blocks].reshape(shape))
        return self._buffers[shape]

    def put(self, images: Tensor) -> None:
        """Store images [N, C, side, side] as the first N."""
        blocks = len(images) // LANES
        theirs = images.reshape(blocks, LANES, *images.shape[1:]).permute(0, 2, 3, 4, 1)
        self._tensor(blocks, images.shape[1]).copy_(theirs)

    def take(self, images: int, channels: int) -> Tensor:
        """Give the first images as float32 [N, C, side, side], valid until the array is written again."""
        ours = self._tensor(images // LANES, channels).float()
        return ours.permute(0, 4, 1, 2, 3).reshape(images, channels, self.side, self.side)

    def _tensor(self, blocks: int, channels: int) -> Tensor:
        ours = torch.from_numpy(self.array[:blocks, :channels])
        return ours.view(torch.bfloat16) if self.precision == "bf16" else ours


def gradient_of(parameter: Tensor) -> np.ndarray:
    """Give the memory in which the optimiser looks for a gradient; the same one until somebody removes it."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad.numpy()
