"""The backward pass of batch norm, ReLU, dropout and pooling, value by value: see `chain`."""

import halide as hl

from mnist_study.core.arithmetic.fixed_point import GRADIENT
from mnist_study.kernels.chain import WINDOW, Chain, Stored, rounded_pairs
from mnist_study.kernels.kernel import (
    BLOCK,
    CHANNEL,
    COLUMN,
    F32,
    I16,
    LANE,
    LANES,
    PAIR,
    ROW,
    TWO,
    Description,
    compiled,
)
from mnist_study.kernels.planes import AT
from mnist_study.kernels.sums import Sums

NONE = 4  # no place of a window


class Opened:
    """The gradient that goes through pooling, dropout and the last ReLU: that of what the norm gave."""

    def __init__(self, chain: Chain, gradient: Stored, *, pools: bool) -> None:
        self.chain, self.gradient, self.winner = chain, gradient, hl.Func("winner") if pools else None
        if self.winner is not None:
            each = [chain.result(2 * COLUMN + right, 2 * ROW + down, CHANNEL) for right, down in WINDOW]
            best = hl.max(hl.max(each[0], each[1]), hl.max(each[2], each[3]))
            first = hl.select(each[0] == best, 0, hl.select(each[1] == best, 1, hl.select(each[2] == best, 2, 3)))
            if chain.relu:
                first = hl.select(best > 0.0, first, NONE)
            self.winner[LANE, COLUMN, ROW, CHANNEL, BLOCK] = first

    def pooled_integer(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the integer at a place, int32, behind pooling."""
        assert self.winner is not None
        side = self.gradient.side
        at = hl.min(column // 2, side - 1), hl.min(row // 2, side - 1), channel
        passes = (column // 2 < side) & (row // 2 < side)
        passes &= self.winner[LANE, *at, BLOCK] == (row % 2) * 2 + column % 2
        if self.chain.drops:
            passes &= self.chain.kept(column, row, channel)
        return hl.select(passes, self.gradient.integer(*at), 0)

    def value(self, column: hl.Expr, row: hl.Expr, channel: hl.Expr) -> hl.Expr:
        """Give the number at a place, float32."""
        place = column, row, channel
        if self.winner is not None:
            return hl.f32(self.pooled_integer(*place)) * self.gradient.unit(channel)
        number = self.gradient.value(*place)
        if self.chain.relu:
            passes = self.chain.behind_norm(self.chain.q.value(*place), channel) > 0.0
            number = hl.select(passes, number, 0.0)
        return hl.select(self.chain.kept(*place), number, 0.0) if self.chain.drops else number

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
        value = hl.f32(tried * self.sign[CHANNEL]) * chain.q.unit()
        passes = chain.behind_norm(value, CHANNEL) > 0.0
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
def sums(*, relu: bool, drops: bool, pools: bool) -> Description:
    """Compile the sums of the gradient of what the norm gave, and of the products of its quarters with those of q.

    Arguments: the chain's, the gradient's planes: words, numbers, side; results: int32 [blocks][channels][16], the sum,
    and of the products two parts as in `Sums`.
    """
    chain, gradient = Chain(relu=relu, drops=drops), Stored("gradient")
    numbers, out, side = hl.Func("numbers"), hl.Func("out"), chain.q.side
    column, nothing = 2 * PAIR + TWO, hl.cast(I16, 0)
    if pools:
        opened = Opened(chain, gradient, pools=True)
        integer = hl.cast(I16, opened.pooled_integer(hl.min(column, side - 1), ROW, CHANNEL))
        numbers[AT] = hl.select(hl.likely(column < side), integer, nothing)
        opened.compute_at(out, CHANNEL)
    else:
        integer = gradient.numbers[AT]
        if relu:
            gate = Gate(chain)
            integer = hl.select(gate.passes(), integer, nothing)
            gate.compute_at(out, CHANNEL)
        if drops:
            integer = hl.select(chain.kept(column, ROW, CHANNEL), integer, nothing)
        numbers[AT] = integer
    sums_ = Sums(numbers, chain.q.numbers, side)
    out[LANE, CHANNEL, BLOCK] = tuple(sums_.parts)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES).parallel(BLOCK)
    if pools or drops:  # else it is little work, less than to store it
        numbers.compute_at(out, CHANNEL).bound_extent(TWO, 2).reorder_storage(*AT).reorder(*AT)
        numbers.vectorize(LANE, LANES).unroll(TWO)
    sums_.compute_at(out, CHANNEL)
    return out, [*chain.arguments(), *gradient.arguments()]


@compiled
def gradients(*, first_relu: bool, relu: bool, drops: bool, pools: bool) -> Description:
    """Compile: out = the gradient of what the convolution gave, rounded to what convolutions multiply.

    Arguments: the chain's, the gradient's planes; coefficients of gradient, value and 1, float32 [channel]; bounds of
    the images' magnitudes float32 [blocks][16]; result: inner words of pairs.
    """
    chain, gradient = Chain(relu=relu, drops=drops), Stored("gradient")
    opened, bounds = Opened(chain, gradient, pools=pools), hl.ImageParam(F32, 2, "bounds")
    own, by_value, constant = (hl.ImageParam(F32, 1, name) for name in ("own", "by_value", "constant"))

    def number(channel: hl.Expr) -> hl.Expr:
        arrived = opened.value(COLUMN, ROW, channel)
        back = chain.q.value(COLUMN, ROW, channel) * by_value[channel] + constant[channel]
        number = hl.strict_float(arrived * own[channel] + back)
        return hl.select(chain.q.shifted(COLUMN, ROW, channel) >= 2**16, number, 0.0) if first_relu else number

    out = rounded_pairs(number, bounds, GRADIENT)
    opened.compute_at(out, PAIR)
    return out, [*chain.arguments(), *gradient.arguments(), own, by_value, constant, bounds]
