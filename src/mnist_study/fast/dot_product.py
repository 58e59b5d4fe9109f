"""Convolution in bfloat16, with the instruction that adds two products at once to each of sixteen float32 sums.

The two products are of two neighbouring channels forward (and backward to the input), and of the same pixel in two
blocks of images for the gradient of the weights. As in `convolution`, a kernel first prepares its input: the chain
applied, the border added, rounded, and the two numbers of each pair beside one another.
"""

import functools

import halide as hl

from mnist_study.fast.chain import Chain
from mnist_study.fast.convolution import padded, weights_parameter
from mnist_study.fast.kernel import (
    BF16,
    BLOCK,
    CHANNEL,
    COLUMN,
    F32,
    LANE,
    PLACE,
    ROW,
    U16,
    compiled,
    lay_out,
    planes_parameter,
    rounded,
)
from mnist_study.fast.layout import CHANNELS_AT_ONCE, LANES

COLUMNS_AT_ONCE = 4  # times four channels: sixteen sums, and half of the registers for what is multiplied
GRADIENT_CHANNELS_AT_ONCE = 2  # times the nine numbers of a filter
OF_PAIR, PAIR = hl.Var("of_pair"), hl.Var("pair")


def product(first: hl.Expr, second: hl.Expr) -> hl.Expr:
    """Multiply bits of bfloat16; summed over both of a pair it is the instruction."""
    return hl.f32(hl.reinterpret(BF16, first)) * hl.f32(hl.reinterpret(BF16, second))


def _side_by_side(pairs: hl.Func, at: list[hl.Var]) -> None:
    """Store the two of a pair beside one another, sixteen pairs at a time."""
    pairs.bound_extent(OF_PAIR, 2).reorder_storage(OF_PAIR, *at).reorder(OF_PAIR, *at)
    pairs.vectorize(LANE, LANES).unroll(OF_PAIR)


@functools.cache
def filters() -> hl.Callable:
    """Compile the rounding of filters [out][in][row][column] to [pair of in][row][column][out][2].

    Arguments: weights, out; both ends are filled up with zeros.
    """
    weights, out = weights_parameter(), hl.Func("out")
    x, y = hl.Var("x"), hl.Var("y")
    inward, outward = weights.dim(2).extent(), weights.dim(3).extent()
    summed = 2 * PAIR + OF_PAIR
    theirs = weights[x, y, hl.min(summed, inward - 1), hl.min(CHANNEL, outward - 1)]
    inside = (inward > summed) & (outward > CHANNEL)
    out[OF_PAIR, CHANNEL, x, y, PAIR] = rounded(hl.select(inside, theirs, 0.0), "bf16")
    return compiled(out, [weights])


@functools.cache
def convolution(size: int, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = bias + filters * padded(chain(planes)), for filters of size x size.

    Arguments: planes, the chain's, padding, filters as `filters` gives them, bias [out], out.
    """
    planes, chain = planes_parameter("planes", "bf16"), Chain(with_dropout)
    padding, taken = hl.Param(hl.Int(32), "padding"), hl.ImageParam(U16, 5, "filters")
    bias = hl.ImageParam(F32, 1, "bias")
    ready, pairs, total, out = padded(planes, chain, padding), hl.Func("pairs"), hl.Func("total"), hl.Func("out")
    at = [LANE, COLUMN, ROW, PAIR, BLOCK]
    pairs[[OF_PAIR, *at]] = rounded(ready[LANE, COLUMN, ROW, 2 * PAIR + OF_PAIR, BLOCK], "bf16")
    taps = hl.RDom([(0, 2), (0, size), (0, size), (0, taken.dim(4).extent())], "taps")
    of_pair, x, y, pair = taps[0], taps[1], taps[2], taps[3]
    total[PLACE] = bias[CHANNEL]
    seen = pairs[of_pair, LANE, COLUMN + x, ROW + y, pair, BLOCK]
    total[PLACE] += product(taken[of_pair, CHANNEL, x, y, pair], seen)
    out[PLACE] = rounded(total[PLACE], "bf16")

    many, few, left, right = (hl.Var(name) for name in ("channels", "few", "left", "right"))
    out.bound(LANE, 0, LANES)
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.split(COLUMN, left, right, COLUMNS_AT_ONCE, hl.TailStrategy.GuardWithIf)
    out.reorder(LANE, right, few, many, left, ROW, BLOCK).vectorize(LANE, LANES).unroll(few).unroll(right)
    total.compute_at(out, many).bound_extent(COLUMN, COLUMNS_AT_ONCE).bound_extent(CHANNEL, CHANNELS_AT_ONCE)
    total.vectorize(LANE, LANES).unroll(CHANNEL).unroll(COLUMN)
    sums = total.update().reorder(of_pair, LANE, COLUMN, CHANNEL, x, y, pair).atomic().vectorize(of_pair)
    sums.vectorize(LANE, LANES).unroll(COLUMN).unroll(CHANNEL).unroll(x)
    pairs.compute_at(out, BLOCK)
    _side_by_side(pairs, at)
    taken.dim(0).set_bounds(0, 2).set_stride(1)
    taken.dim(1).set_min(0).set_stride(2)
    lay_out(out.output_buffer())
    return compiled(out, [planes, chain.rows, chain.dropout, padding, taken, bias])


@functools.cache
def weight_gradient(size: int, *, with_dropout: bool) -> hl.Callable:
    """Compile the sum over images and places of padded(chain(planes)) times the gradient of a convolution's result.

    Arguments: planes, the chain's, padding, gradient, out [out][in][row][column].
    """
    planes, gradient = planes_parameter("planes", "bf16"), planes_parameter("gradient", "bf16")
    chain, padding = Chain(with_dropout), hl.Param(hl.Int(32), "padding")
    ready, seen, slopes = padded(planes, chain, padding), hl.Func("seen"), hl.Func("slopes")
    blocks = planes.dim(4).extent()
    block = hl.min(2 * PAIR + OF_PAIR, blocks - 1)
    at = [LANE, COLUMN, ROW, CHANNEL, PAIR]
    seen[[OF_PAIR, *at]] = rounded(ready[LANE, COLUMN, ROW, CHANNEL, block], "bf16")
    slope = gradient[LANE, COLUMN, ROW, CHANNEL, block]
    slopes[[OF_PAIR, *at]] = hl.select(blocks > 2 * PAIR + OF_PAIR, slope, hl.cast(U16, 0))  # blocks may be odd

    total, by_lane, out = hl.Func("total"), hl.Func("by_lane"), hl.Func("out")
    x, y, source = hl.Var("x"), hl.Var("y"), hl.Var("source")
    place = hl.RDom([(0, 2), (0, gradient.dim(1).extent()), (0, gradient.dim(2).extent())], "place")
    pairs = hl.RDom([(0, (blocks + 1) // 2)], "pairs")
    lane = hl.RDom([(0, LANES)], "lane_of_sum")
    of_pair, column, row = place[0], place[1], place[2]
    total[LANE, x, y, CHANNEL, source, PAIR] = 0.0
    total[LANE, x, y, CHANNEL, source, PAIR] += product(
        slopes[of_pair, LANE, column, row, CHANNEL, PAIR], seen[of_pair, LANE, column + x, row + y, source, PAIR]
    )
    by_lane[LANE, x, y, CHANNEL, source] = 0.0
    by_lane[LANE, x, y, CHANNEL, source] += total[LANE, x, y, CHANNEL, source, pairs.x]
    out[x, y, source, CHANNEL] = 0.0
    out[x, y, source, CHANNEL] += by_lane[lane.x, x, y, CHANNEL, source]

    many, few = hl.Var("channels"), hl.Var("few")
    by_lane.compute_root().vectorize(LANE, LANES).bound_extent(x, size).bound_extent(y, size)
    by_lane.align_bounds(CHANNEL, CHANNELS_AT_ONCE)
    sums = by_lane.update().split(CHANNEL, many, few, GRADIENT_CHANNELS_AT_ONCE)
    sums.reorder(LANE, x, y, few, source, many, pairs.x).vectorize(LANE, LANES).unroll(x).unroll(y).unroll(few)
    total.compute_at(by_lane, source).vectorize(LANE, LANES).unroll(x).unroll(y).unroll(CHANNEL)
    sums = total.update().reorder(of_pair, LANE, x, y, CHANNEL, column, row).atomic().vectorize(of_pair)
    sums.vectorize(LANE, LANES).unroll(x).unroll(y).unroll(CHANNEL)
    for prepared in (seen, slopes):
        prepared.compute_at(by_lane, pairs.x)
        _side_by_side(prepared, at)
    return compiled(out, [planes, chain.rows, chain.dropout, padding, gradient])
