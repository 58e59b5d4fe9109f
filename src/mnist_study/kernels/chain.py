"""What follows a convolution, value by value: batch norm, ReLU, dropout, pooling. Backward: `chain_backward`.

A kernel reads planes as words of 32 bits, each the values of two neighbouring columns of sixteen images.
"""

from collections.abc import Callable

import halide as hl

from mnist_study.core.arithmetic.fixed_point import LARGEST, SMALLEST, STORED, VALUE
from mnist_study.kernels.functions import keys, words
from mnist_study.kernels.kernel import (
    BLOCK,
    CHANNEL,
    COLUMN,
    F32,
    I16,
    I32,
    LANE,
    LANES,
    PAIR,
    ROW,
    U32,
    Description,
    compiled,
    exponent_of,
    lay_out,
    nearest,
    power,
)
from mnist_study.kernels.planes import EXPONENT

WINDOW = [(0, 0), (1, 0), (0, 1), (1, 1)]  # (column, row), in the order in which the first maximum counts


def up(word: hl.Expr) -> hl.Expr:
    """Shift an int32 by 16 bits. Halide assumes that int32 never overflows; uint32 may."""
    return hl.reinterpret(I32, hl.reinterpret(U32, word) << 16)


class Stored:
    """Planes as arguments of a kernel: their words, and the fields behind each channel's rows."""

    def __init__(self, name: str) -> None:
        self.words, self.numbers = hl.ImageParam(I32, 5, f"{name}_words"), hl.ImageParam(I16, 6, name)
        self.side = hl.Param(I32, f"{name}_side")
        lay_out(self.words, LANES)
        lay_out(self.numbers, 2, LANES)

    def arguments(self) -> list[hl.ImageParam | hl.Param]:
        """Name the arguments in their order: words, numbers, side."""
        return [self.words, self.numbers, self.side]

    def shifted(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give 2^16 times the integer at a place, int32; in an odd column the low 16 bits are the neighbour's."""
        word = self.words[LANE, column // 2, row, channel, BLOCK]
        return hl.select(column % 2 == 0, up(word), word)

    def integer(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the integer at a place."""
        return self.shifted(column, row, channel) >> 16

    def value(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the number at a place, float32."""
        word, unit = self.words[LANE, column // 2, row, channel, BLOCK], self.unit(channel)
        even, odd = hl.f32(up(word)) * (unit * hl.f32(2.0**-16)), hl.f32(word >> 16) * unit
        return hl.strict_float(hl.select(column % 2 == 0, even, odd))

    def field(self, number: int, channel: hl.Expr = CHANNEL) -> hl.Expr:
        """Give a field of an image's channel."""
        pairs = (self.side + 1) // 2
        row = self.side + (number // 2) // pairs
        return hl.i32(self.numbers[number % 2, LANE, (number // 2) % pairs, row, channel, BLOCK])

    def unit(self, channel: hl.Expr = CHANNEL) -> hl.Expr:
        """Give the unit of an image's channel, float32."""
        return power(hl.clamp(self.field(EXPONENT, channel), SMALLEST, LARGEST) - (STORED - 1))


class Chain:
    """A cell's chain as arguments of a kernel. `relu` tells of the last ReLU."""

    def __init__(self, *, relu: bool, drops: bool) -> None:
        self.q, self.relu, self.drops = Stored("q"), relu, drops
        self.scale, self.shift = hl.ImageParam(F32, 1, "scale"), hl.ImageParam(F32, 1, "shift")
        self.dropped = hl.Param(U32, "dropped")
        self.stream, self.images = hl.ImageParam(U32, 1, "stream"), hl.ImageParam(U32, 2, "images")
        self.key = hl.Func("key")
        self.key[LANE, BLOCK] = keys((self.stream[0], self.stream[1]), self.images[LANE, BLOCK])
        self.key.compute_root()

    def arguments(self) -> list[hl.ImageParam | hl.Param]:
        """Name the arguments: those of the planes, scale, shift; of dropout key, images' numbers, share.

        They are the same for all kinds of chain, used or not.
        """
        return [*self.q.arguments(), self.scale, self.shift, self.stream, self.images, self.dropped]

    def behind_norm(self, value: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give what the norm gives."""
        return hl.strict_float(value * self.scale[channel] + self.shift[channel])

    def before_dropout(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the number at a place behind the last ReLU."""
        number = self.behind_norm(self.q.value(column, row, channel), channel)
        return hl.max(number, 0.0) if self.relu else number

    def kept(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Tell whether dropout keeps a place."""
        place = hl.cast(U32, (channel * self.q.side + row) * self.q.side + column)
        key = self.key[LANE, BLOCK]
        word = words((key[0], key[1]), place >> 1)
        half = hl.select(place % 2 == 0, word & hl.cast(U32, 0xFFFF), word >> 16)
        return half >= self.dropped

    def result(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the number at a place behind dropout."""
        number = self.before_dropout(column, row, channel)
        return hl.select(self.kept(column, row, channel), number, 0.0) if self.drops else number

    def pooled(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the largest number of a window of 2 x 2."""
        each = [self.result(2 * column + right, 2 * row + down, channel) for right, down in WINDOW]
        return hl.max(hl.max(each[0], each[1]), hl.max(each[2], each[3]))


def rounded_pairs(number: Callable[[hl.Expr], hl.Expr], bounds: hl.ImageParam, bits: int) -> hl.Func:
    """Round the float32 `number` of a channel, at COLUMN and ROW, to integers with an exponent for each image.

    Gives words of 32 bits, each of a pair of channels.
    """
    out, left, right = hl.Func("out"), hl.Var("left"), hl.Var("right")
    scale = power(bits - 1 - exponent_of(bounds[LANE, BLOCK], SMALLEST))
    numbers = [number(2 * PAIR), number(2 * PAIR + 1)]
    low, high = (nearest(hl.strict_float(each * scale), 2 ** (bits - 1) - 1) for each in numbers)
    out[LANE, COLUMN, ROW, PAIR, BLOCK] = up(high) | (low & 0xFFFF)
    lay_out(out.output_buffer(), LANES)
    out.bound(LANE, 0, LANES).split(COLUMN, left, right, 2, hl.TailStrategy.GuardWithIf)
    out.reorder(LANE, right, left, ROW, PAIR, BLOCK).unroll(right).vectorize(LANE, LANES)
    return out.parallel(BLOCK)


@compiled
def values(*, relu: bool, drops: bool, pools: bool) -> Description:
    """Compile: out = what the next convolution multiplies, in pairs of channels.

    Arguments: the chain's, bounds of the images' magnitudes float32 [blocks][16]; result: inner words of pairs.
    """
    chain, bounds = Chain(relu=relu, drops=drops), hl.ImageParam(F32, 2, "bounds")
    result = chain.pooled if pools else chain.result
    out = rounded_pairs(lambda channel: result(COLUMN, ROW, channel), bounds, VALUE)
    return out, [*chain.arguments(), bounds]


@compiled
def averages(*, relu: bool, drops: bool, pools: bool) -> Description:
    """Compile: out = each channel's average over the image, float32 [blocks][channels][16].

    Arguments: the chain's, the side behind the chain.
    """
    chain, side, out = Chain(relu=relu, drops=drops), hl.Param(I32, "side"), hl.Func("out")
    number, largest, total = hl.Func("number"), hl.Func("largest"), hl.Func("total")
    number[LANE, COLUMN, ROW, CHANNEL, BLOCK] = (chain.pooled if pools else chain.result)(COLUMN, ROW, CHANNEL)
    place, channel = hl.RDom([(0, side), (0, side)], "place"), [LANE, CHANNEL, BLOCK]
    met = number[LANE, place.x, place.y, CHANNEL, BLOCK]
    largest[channel] = hl.f32(0.0)
    largest[channel] = hl.max(largest[channel], hl.abs(met))
    exponent = exponent_of(largest[channel], SMALLEST)
    total[channel] = hl.i32(0)
    total[channel] += nearest(hl.strict_float(met * power(STORED - 1 - exponent)), 2 ** (STORED - 1) - 1)
    unit = hl.f64(power(exponent - (STORED - 1)))
    out[channel] = hl.f32(hl.strict_float(hl.f64(total[channel]) * unit / hl.f64(side * side)))
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES).parallel(BLOCK)
    for func in (largest, total):
        func.compute_at(out, CHANNEL).vectorize(LANE, LANES).update().vectorize(LANE, LANES)
    number.compute_at(out, CHANNEL).vectorize(LANE, LANES)
    return out, [*chain.arguments(), side]
