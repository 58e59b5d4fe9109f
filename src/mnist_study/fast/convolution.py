"""Convolution summed up directly: forward for 1x1 filters and odd sides, and the gradient of any filters.

A kernel first prepares a block of its input, which stays in the processor's cache: the chain before the convolution is
applied and the border of zeros added. Then a few results at a time are summed up in registers.
"""

import functools

import halide as hl

from mnist_study.fast.chain import Chain
from mnist_study.fast.kernel import BLOCK, CHANNEL, COLUMN, F32, LANE, PLACE, ROW, compiled, lay_out, planes_parameter
from mnist_study.fast.layout import CHANNELS_AT_ONCE, LANES

GRADIENT_CHANNELS_AT_ONCE = 2  # times three columns of a filter: twelve sums of half a block fill AVX2's registers


def padded(planes: hl.ImageParam, chain: Chain, padding: hl.Param) -> hl.Func:
    """Give z of the chain with so many rows and columns of zeros around it, and zeros beyond."""
    columns, rows = planes.dim(1).extent(), planes.dim(2).extent()
    column, row = COLUMN - padding, ROW - padding
    inside = hl.likely(column >= 0) & hl.likely(column < columns) & hl.likely(row >= 0) & hl.likely(row < rows)
    at = [LANE, hl.clamp(hl.likely(column), 0, columns - 1), hl.clamp(hl.likely(row), 0, rows - 1), CHANNEL, BLOCK]
    ready = hl.Func("ready")
    ready[PLACE] = hl.select(inside, chain.forward(planes, at), 0.0)
    return ready


def arranged(weights: hl.ImageParam) -> hl.Func:
    """Give filters [out][in][row][column] as [in][row][column][out], the last filled up with zeros."""
    out, x, y, summed = hl.Func("arranged"), hl.Var("x"), hl.Var("y"), hl.Var("summed")
    channels = weights.dim(3).extent()
    out[CHANNEL, x, y, summed] = hl.select(
        channels > CHANNEL, weights[x, y, summed, hl.min(CHANNEL, channels - 1)], 0.0
    )
    return out


def weights_parameter() -> hl.ImageParam:
    """Declare an argument that holds filters [out][in][row][column], with any strides."""
    weights = hl.ImageParam(F32, 4, "weights")
    weights.dim(0).set_stride(hl.Expr())
    return weights


@functools.cache
def filters() -> hl.Callable:
    """Compile `arranged`. Arguments: weights, out."""
    weights = weights_parameter()
    return compiled(arranged(weights), [weights])


@functools.cache
def convolution(size: int, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = bias + filters * padded(chain(planes)), for filters of size x size.

    Arguments: planes, the chain's, padding, filters [in][row][column][out], bias [out], out.
    """
    planes, chain = planes_parameter("planes", "fp32"), Chain(with_dropout)
    padding, taken = hl.Param(hl.Int(32), "padding"), hl.ImageParam(F32, 4, "filters")
    bias = hl.ImageParam(F32, 1, "bias")
    ready = padded(planes, chain, padding)
    total, out = hl.Func("total"), hl.Func("out")
    taps = hl.RDom([(0, size), (0, size), (0, taken.dim(3).extent())], "taps")
    total[PLACE] = bias[CHANNEL]
    seen = ready[LANE, COLUMN + taps.x, ROW + taps.y, taps.z, BLOCK]
    total[PLACE] += taken[CHANNEL, taps.x, taps.y, taps.z] * seen
    out[PLACE] = total[PLACE]

    many, few = hl.Var("channels"), hl.Var("channel_of_few")
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.reorder(LANE, few, many, COLUMN, ROW, BLOCK).unroll(few)
    total.compute_at(out, many).vectorize(LANE, LANES).unroll(CHANNEL)
    total.update().reorder(LANE, CHANNEL, taps.x, taps.y, taps.z)
    total.update().vectorize(LANE, LANES).unroll(CHANNEL).unroll(taps.x)
    ready.compute_at(out, BLOCK).vectorize(LANE, LANES)
    taken.dim(0).set_min(0).set_stride(1)
    lay_out(out.output_buffer())
    return compiled(out, [planes, chain.rows, chain.dropout, padding, taken, bias])


@functools.cache
def weight_gradient(size: int, *, with_dropout: bool) -> hl.Callable:
    """Compile the sum over images and places of padded(chain(planes)) times the gradient of a convolution's result.

    Arguments: planes, the chain's, padding, gradient, out [out][in][row][column].
    """
    planes, gradient = planes_parameter("planes", "fp32"), planes_parameter("gradient", "fp32")
    chain = Chain(with_dropout)
    padding = hl.Param(hl.Int(32), "padding")
    ready = padded(planes, chain, padding)
    total, by_lane, out = hl.Func("total"), hl.Func("by_lane"), hl.Func("out")
    x, y, source = hl.Var("x"), hl.Var("y"), hl.Var("source")
    place = hl.RDom([(0, gradient.dim(1).extent()), (0, gradient.dim(2).extent())], "place")
    blocks = hl.RDom([(0, gradient.dim(4).extent())], "blocks")
    lane = hl.RDom([(0, LANES)], "lane_of_sum")
    total[LANE, x, y, CHANNEL, source, BLOCK] = 0.0
    seen = ready[LANE, place.x + x, place.y + y, source, BLOCK]
    total[LANE, x, y, CHANNEL, source, BLOCK] += gradient[LANE, place.x, place.y, CHANNEL, BLOCK] * seen
    by_lane[LANE, x, y, CHANNEL, source] = 0.0
    by_lane[LANE, x, y, CHANNEL, source] += total[LANE, x, y, CHANNEL, source, blocks.x]
    out[x, y, source, CHANNEL] = 0.0
    out[x, y, source, CHANNEL] += by_lane[lane.x, x, y, CHANNEL, source]

    many, few = hl.Var("channels"), hl.Var("channel_of_few")
    by_lane.compute_root().vectorize(LANE, LANES).bound_extent(x, size).bound_extent(y, size)
    by_lane.align_bounds(CHANNEL, CHANNELS_AT_ONCE)
    sums = by_lane.update().split(CHANNEL, many, few, GRADIENT_CHANNELS_AT_ONCE)
    sums.reorder(LANE, x, few, y, source, many, blocks.x).vectorize(LANE, LANES).unroll(x).unroll(few)
    total.compute_at(by_lane, y).vectorize(LANE, LANES).unroll(x).unroll(CHANNEL)
    total.update().reorder(LANE, x, CHANNEL, place.x, place.y)
    total.update().vectorize(LANE, LANES).unroll(x).unroll(CHANNEL)
    ready.compute_at(by_lane, blocks.x).vectorize(LANE, LANES)
    return compiled(out, [planes, chain.rows, chain.dropout, padding, gradient])
