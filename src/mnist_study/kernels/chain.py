"""What follows a convolution: batch norm, ReLU, dropout and pooling, forward and backward, value by value.

A kernel reads planes as words of 32 bits, each the values of two neighbouring columns of sixteen images.
"""

import halide as hl

from mnist_study.core.arithmetic.fixed_point import GRADIENT, LARGEST, SMALLEST, STORED, VALUE
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
    TWO,
    U32,
    Description,
    compiled,
    exponent_of,
    lay_out,
    nearest,
    power,
)
from mnist_study.kernels.planes import AT, EXPONENT
from mnist_study.kernels.sums import Sums

NONE = 4  # no place of a window
WINDOW = [(0, 0), (1, 0), (0, 1), (1, 1)]  # (column, row), in the order in which the first maximum counts


def half(word: hl.Expr, low: hl.Expr) -> hl.Expr:
    """Give the low or the high sixteen bits of a word as an int32."""
    return hl.select(low, hl.i32(hl.cast(I16, word)), word >> 16)


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

    def integer(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the integer at a place."""
        return half(self.words[LANE, column // 2, row, channel, BLOCK], column % 2 == 0)

    def field(self, number: int, channel: hl.Expr = CHANNEL) -> hl.Expr:
        """Give a field of an image's channel."""
        pairs = (self.side + 1) // 2
        row = self.side + (number // 2) // pairs
        return hl.i32(self.numbers[number % 2, LANE, (number // 2) % pairs, row, channel, BLOCK])

    def unit(self, channel: hl.Expr = CHANNEL) -> hl.Expr:
        """Give the unit of an image's channel, float32."""
        return power(hl.clamp(self.field(EXPONENT, channel), SMALLEST, LARGEST) - (STORED - 1))


class Chain:
    """A cell's chain as arguments of a kernel."""

    def __init__(self, *, drops: bool) -> None:
        self.q, self.drops = Stored("q"), drops
        self.scale, self.shift = hl.ImageParam(F32, 1, "scale"), hl.ImageParam(F32, 1, "shift")
        self.floor, self.dropped = hl.Param(F32, "last_floor"), hl.Param(U32, "dropped")
        self.stream, self.images = hl.ImageParam(U32, 1, "stream"), hl.ImageParam(U32, 2, "images")
        self.key = hl.Func("key")
        self.key[LANE, BLOCK] = keys((self.stream[0], self.stream[1]), self.images[LANE, BLOCK])
        self.key.compute_root()

    def arguments(self) -> list[hl.ImageParam | hl.Param]:
        """Name the arguments: those of the planes, scale, shift, last floor; of dropout key, images' numbers, share."""
        return [*self.q.arguments(), self.scale, self.shift, self.floor, self.stream, self.images, self.dropped]

    def number(self, integer: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give what the norm gives."""
        value = hl.f32(integer) * self.q.unit(channel)
        return hl.strict_float(value * self.scale[channel] + self.shift[channel])

    def before_dropout(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the number at a place behind the last ReLU."""
        return hl.max(self.number(self.q.integer(column, row, channel), channel), self.floor)

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


def rounded_pairs(number: hl.Expr, bounds: hl.ImageParam, bits: int) -> hl.Func:
    """Round float32 numbers of COLUMN, ROW and channel 2 * PAIR + TWO to integers with an exponent for each image."""
    out, left, right = hl.Func("out"), hl.Var("left"), hl.Var("right")
    scaled = hl.strict_float(number * power(bits - 1 - exponent_of(bounds[LANE, BLOCK], SMALLEST)))
    out[TWO, LANE, COLUMN, ROW, PAIR, BLOCK] = hl.cast(I16, nearest(scaled, 2 ** (bits - 1) - 1))
    lay_out(out.output_buffer(), 2, LANES)
    out.bound(TWO, 0, 2).bound(LANE, 0, LANES).split(COLUMN, left, right, 2, hl.TailStrategy.GuardWithIf)
    out.reorder(TWO, LANE, right, left, ROW, PAIR, BLOCK).unroll(TWO).unroll(right).vectorize(LANE, LANES)
    return out.parallel(BLOCK)


@compiled
def values(*, drops: bool, pools: bool) -> Description:
    """Compile: out = what the next convolution multiplies, in pairs of channels.

    Arguments: the chain's, bounds of the images' magnitudes float32 [blocks][16]; result: inner pairs.
    """
    chain, bounds = Chain(drops=drops), hl.ImageParam(F32, 2, "bounds")
    number = (chain.pooled if pools else chain.result)(COLUMN, ROW, 2 * PAIR + TWO)
    out = rounded_pairs(number, bounds, VALUE)
    return out, [*chain.arguments(), bounds]


@compiled
def averages(*, drops: bool, pools: bool) -> Description:
    """Compile: out = each channel's average over the image, float32 [blocks][channels][16].

    Arguments: the chain's, the side behind the chain.
    """
    chain, side, out = Chain(drops=drops), hl.Param(I32, "side"), hl.Func("out")
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


class Opened:
    """The gradient that goes through pooling, dropout and the last ReLU: that of what the norm gave, as integers."""

    def __init__(self, chain: Chain, gradient: Stored, *, pools: bool) -> None:
        self.chain, self.gradient, self.winner = chain, gradient, hl.Func("winner") if pools else None
        if self.winner is not None:
            each = [chain.result(2 * COLUMN + right, 2 * ROW + down, CHANNEL) for right, down in WINDOW]
            best = hl.max(hl.max(each[0], each[1]), hl.max(each[2], each[3]))
            first = hl.select(each[0] == best, 0, hl.select(each[1] == best, 1, hl.select(each[2] == best, 2, 3)))
            self.winner[LANE, COLUMN, ROW, CHANNEL, BLOCK] = hl.select(best > chain.floor, first, NONE)

    def integer(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the integer at a place, int32."""
        if self.winner is None:
            arriving = self.gradient.integer(column, row, channel)
            passes = self.chain.number(self.chain.q.integer(column, row, channel), channel) > self.chain.floor
        else:
            side = self.gradient.side
            at = hl.min(column // 2, side - 1), hl.min(row // 2, side - 1), channel
            arriving, inside = self.gradient.integer(*at), (column // 2 < side) & (row // 2 < side)
            passes = inside & (self.winner[LANE, *at, BLOCK] == (row % 2) * 2 + column % 2)
        if self.chain.drops:
            passes &= self.chain.kept(column, row, channel)
        return hl.select(passes, arriving, 0)

    def compute_at(self, out: hl.Func, channel: hl.Var) -> None:
        """Compute for each channel what is looked up more than once."""
        if self.winner is not None:
            self.winner.compute_at(out, channel).vectorize(LANE, LANES)


class Gate:
    """Where the last ReLU lets a gradient through: there q, or -q if the scale is negative, exceeds a limit.

    For what the norm gives grows with q, or falls, also after rounding; so a binary search finds the limit.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain, self.sign, self.found, self.limit = chain, hl.Func("sign"), hl.Func("found"), hl.Func("limit")
        channel, halving = [LANE, CHANNEL, BLOCK], hl.RDom([(0, 16)], "halving")
        self.sign[CHANNEL] = hl.select(chain.scale[CHANNEL] < 0, hl.i16(-1), hl.i16(1))
        self.found[channel] = hl.i32(-(2**15))
        tried = self.found[channel] + (hl.i32(2**15) >> halving.x)
        passes = chain.number(tried * self.sign[CHANNEL], CHANNEL) > chain.floor
        self.found[channel] = hl.select(passes, self.found[channel], tried)
        self.limit[TWO, LANE, CHANNEL, BLOCK] = hl.cast(I16, self.found[channel])

    def passes(self) -> hl.Expr:
        """Tell whether the gradient goes through at `AT`."""
        return self.chain.q.numbers[AT] * self.sign[CHANNEL] > self.limit[TWO, LANE, CHANNEL, BLOCK]

    def compute_at(self, out: hl.Func, channel: hl.Var) -> None:
        """Compute the limits for each channel."""
        self.found.compute_at(out, channel).vectorize(LANE, LANES).update().vectorize(LANE, LANES)
        self.limit.compute_at(out, channel).bound_extent(TWO, 2).vectorize(LANE, LANES).unroll(TWO)


@compiled
def sums(*, drops: bool, pools: bool) -> Description:
    """Compile the sums of the gradient of what the norm gave, and of the products of its quarters with those of q.

    Arguments: the chain's, the gradient's planes: words, numbers, side; results: int32 [blocks][channels][16], the sum,
    and of the products two parts as in `Sums`.
    """
    chain, gradient = Chain(drops=drops), Stored("gradient")
    numbers, out, side, column, zero = hl.Func("numbers"), hl.Func("out"), chain.q.side, 2 * PAIR + TWO, hl.cast(I16, 0)
    if pools:
        opened = Opened(chain, gradient, pools=True)
        integer = hl.cast(I16, opened.integer(hl.min(column, side - 1), ROW, CHANNEL))
        numbers[AT] = hl.select(hl.likely(column < side), integer, zero)
    else:
        opened = Gate(chain)
        passes = opened.passes() & chain.kept(column, ROW, CHANNEL) if drops else opened.passes()
        numbers[AT] = hl.select(passes, gradient.numbers[AT], zero)
    sums_ = Sums(numbers, chain.q.numbers, side)
    out[LANE, CHANNEL, BLOCK] = tuple(sums_.parts)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES).parallel(BLOCK)
    numbers.compute_at(out, CHANNEL).bound_extent(TWO, 2).reorder_storage(*AT).reorder(*AT)
    if pools or drops:
        numbers.vectorize(LANE, LANES).unroll(TWO)
    else:
        both = hl.Var("both")
        numbers.fuse(TWO, LANE, both).vectorize(both, 2 * LANES)
    opened.compute_at(out, CHANNEL)
    sums_.compute_at(out, CHANNEL)
    return out, [*chain.arguments(), *gradient.arguments()]


@compiled
def gradients(*, drops: bool, pools: bool) -> Description:
    """Compile: out = the gradient of what the convolution gave, rounded to what convolutions multiply.

    Arguments: the chain's, the gradient's planes; coefficients of gradient, value and 1, float32 [channel]; the integer
    that q must exceed; bounds of the images' magnitudes float32 [blocks][16]; result: inner pairs.
    """
    chain, gradient = Chain(drops=drops), Stored("gradient")
    opened, channel = Opened(chain, gradient, pools=pools), 2 * PAIR + TWO
    own, by_value, constant = (hl.ImageParam(F32, 1, name) for name in ("own", "by_value", "constant"))
    floor, bounds = hl.Param(I32, "floor"), hl.ImageParam(F32, 2, "bounds")
    integer = chain.q.integer(COLUMN, ROW, channel)
    back = hl.f32(integer) * chain.q.unit(channel) * by_value[channel] + constant[channel]
    arrived = hl.f32(opened.integer(COLUMN, ROW, channel)) * gradient.unit(channel)
    number = hl.select(integer > floor, hl.strict_float(arrived * own[channel] + back), 0.0)
    out = rounded_pairs(number, bounds, GRADIENT)
    opened.compute_at(out, PAIR)
    return out, [*chain.arguments(), *gradient.arguments(), own, by_value, constant, floor, bounds]
