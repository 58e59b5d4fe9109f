"""Where numbers lie in memory. Images come in blocks of sixteen, whose same numbers lie side by side in a vector.

`Planes` hold what is stored between layers. `Pairs` hold what a convolution multiplies.
"""

import halide as hl
import numpy as np

from mnist_study.kernels.kernel import LANES

CHANNELS_AT_ONCE = 4
FIELDS = 10  # 16-bit numbers behind a channel's last row, which say something about the channel
EXPONENT, LOW, HIGH, SUM, SQUARES_LOW, SQUARES_HIGH = 0, 1, 2, 3, 5, 7  # of them; the last three take two places


class Numbers:
    """A numpy array, and the same memory as kernels take it."""

    def __init__(self, *shape: int, kind: type[np.generic] = np.float32) -> None:
        self.array = np.zeros(shape, kind)
        self.buffer = hl.Buffer(self.array)

    def first(self, count: int) -> hl.Buffer:
        """Give the first of a list of numbers."""
        return hl.Buffer(self.array[:count])


def stored(channels: int) -> int:
    """Round up to the channels that are stored."""
    return -(-channels // CHANNELS_AT_ONCE) * CHANNELS_AT_ONCE


class Planes:
    """Integers of 16 bits [blocks, channels, rows, pairs of columns, 16 images, 2].

    Rows behind the image's own hold `FIELDS` numbers for each image and channel. An odd last column is followed by 0.
    """

    def __init__(self, blocks: int, channels: int, side: int) -> None:
        self.side, self.channels = side, channels
        self.pairs = (side + 1) // 2
        self.field_rows = -(-FIELDS // (2 * self.pairs))
        shape = blocks, stored(channels), side + self.field_rows, self.pairs, LANES, 2
        self.array = np.zeros(shape, np.int16)
        self.buffer = hl.Buffer(self.array)
        self.words = hl.Buffer(self.array.view(np.int32)[..., 0])
        self.arguments = [self.words, self.buffer, side]

    def own(self) -> np.ndarray:
        """Give the images' numbers [N, channels, side, side]."""
        rows = self.array[:, : self.channels, : self.side].transpose(0, 4, 1, 2, 3, 5)
        return rows.reshape(-1, self.channels, self.side, 2 * self.pairs)[..., : self.side]

    def field(self, number: int) -> np.ndarray:
        """Give a field as a view [blocks, channels, 16]."""
        row, column = divmod(number, 2 * self.pairs)
        return self.array[:, : self.channels, self.side + row, column // 2, :, column % 2]


class Pairs:
    """Integers of 16 bits [blocks, pairs of channels, rows, columns, 16 images, 2], with a border of zeros."""

    def __init__(self, blocks: int, channels: int, side: int, border: int) -> None:
        self.side, self.channels, self.border = side, channels, border
        whole = side + 2 * border
        self.array = np.zeros((blocks, (channels + 1) // 2, whole, whole, LANES, 2), np.int16)
        inner = slice(border, border + side)
        self.inner = self.array[:, :, inner, inner]
        self.buffer, self.inner_buffer = hl.Buffer(self.array), hl.Buffer(self.inner)

    def own(self) -> np.ndarray:
        """Give the numbers [N, channels, side, side]."""
        blocks, pairs, side, _, lanes, _ = self.inner.shape
        return self.inner.transpose(0, 4, 1, 5, 2, 3).reshape(blocks * lanes, 2 * pairs, side, side)[:, : self.channels]
