"""Where numbers lie in memory. Images come in blocks of sixteen, whose same numbers lie side by side in a vector.

`Planes` hold what is stored between layers. `Pairs` hold what a convolution multiplies.
"""

import halide as hl
import numpy as np

from mnist_study.kernels.buffer import Buffer
from mnist_study.kernels.kernel import BLOCK, CHANNEL, I16, LANE, LANES, PAIR, ROW, TWO, lay_out

CHANNELS_AT_ONCE, COLUMNS_AT_ONCE = 4, 4  # at most, by a convolution
VECTOR = 64  # bytes of the longest
FIELDS = 9  # 16-bit numbers behind a channel's last row, which say something about the channel
EXPONENT, LOW, HIGH, SUM, PRODUCTS_LOW, PRODUCTS_HIGH = 0, 1, 2, 3, 5, 7  # of them; the last three take two places
AT = [TWO, LANE, PAIR, ROW, CHANNEL, BLOCK]  # a place in planes


def zeros(shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
    """Like np.zeros, aligned so that no vector crosses a cache line; it gains up to 4 %."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    memory = np.zeros(size + VECTOR, np.uint8)
    start = -memory.ctypes.data % VECTOR
    return memory[start : start + size].view(kind).reshape(shape)


class Numbers:
    """A numpy array, and the same memory as kernels take it."""

    def __init__(self, *shape: int, kind: type[np.generic] = np.float32) -> None:
        self.array = zeros(shape, kind)
        self.buffer = Buffer(self.array)

    def first(self, count: int) -> Buffer:
        """Give the first of a list of numbers."""
        return Buffer(self.array[:count])


def stored(channels: int) -> int:
    """Round up to the channels that are stored."""
    return -(-channels // CHANNELS_AT_ONCE) * CHANNELS_AT_ONCE


class Batch:
    """Which places hold an image, float64 [blocks][16], and how many, [1]; their numbers among all, for dropout."""

    def __init__(self, blocks: int) -> None:
        self.present, self.numbers = Numbers(blocks, LANES, kind=np.float64), Numbers(blocks, LANES, kind=np.uint32)
        self.blocks, self.count = blocks, Numbers(1, kind=np.float64)

    def begin(self, count: int) -> None:
        """Let the first places hold images."""
        self.present.array.reshape(-1)[:] = np.arange(self.present.array.size) < count
        self.count.array[0] = count


class Planes:
    """Integers of 16 bits [blocks, channels, rows, pairs of columns, 16 images, 2].

    Rows behind the image's own hold `FIELDS` numbers for each image and channel. An odd last column is followed by 0.
    """

    def __init__(self, blocks: int, channels: int, side: int) -> None:
        self.side, self.channels = side, channels
        self.pairs = (side + 1) // 2
        rows = side + -(-FIELDS // (2 * self.pairs))
        shape = blocks, stored(channels), rows, self.pairs, LANES, 2
        self.array = zeros(shape, np.int16)
        self.buffer = Buffer(self.array)
        self.words = Buffer(self.array.view(np.int32)[..., 0])
        self.arguments = [self.words, self.buffer, side]

    def field(self, number: int) -> np.ndarray:
        """Give a field as a view [blocks, channels, 16]."""
        row, column = divmod(number, 2 * self.pairs)
        return self.array[:, : self.channels, self.side + row, column // 2, :, column % 2]


def with_fields(rows: hl.Func, fields: dict[int, hl.Expr], side: hl.Expr) -> hl.Func:
    """Give the result of a kernel: planes of these rows, and the fields by their numbers behind them."""
    out, behind = hl.Func("out"), hl.cast(I16, 0)
    field = ((ROW - side) * ((side + 1) // 2) + PAIR) * 2 + TWO
    for number, expression in fields.items():
        behind = hl.select(field == number, expression, behind)
    inside = rows[TWO, LANE, PAIR, hl.likely(hl.min(ROW, side - 1)), CHANNEL, BLOCK]
    out[AT] = hl.select(hl.likely(side > ROW), inside, behind)
    lay_out(out.output_buffer(), 2, LANES)
    return out.bound(LANE, 0, LANES).bound(TWO, 0, 2)


class Pairs:
    """Integers of 16 bits [blocks, pairs of channels, rows, columns, 16 images, 2], with a border of zeros.

    Further columns on the right are read where a convolution computes several at once, and go into no result.
    """

    def __init__(self, blocks: int, channels: int, side: int, border: int) -> None:
        self.border = border
        whole = side + 2 * border
        columns = whole + COLUMNS_AT_ONCE - 1
        self.array = zeros((blocks, (channels + 1) // 2, whole, columns, LANES, 2), np.int16)
        inner = slice(border, border + side)
        self.inner = self.array[:, :, inner, inner]
        self.buffer, self.inner_buffer = Buffer(self.array), Buffer(self.inner)
        self.inner_words = Buffer(self.inner.view(np.int32)[..., 0])
