"""Convolution's three kernels: forward, gradient of the input (forward with turned filters), gradient of the weights.

Each first prepares a block of its input, which stays in the processor's cache: the chain before the convolution is
applied and the border of zeros added. Then a few results at a time are summed up in registers.
"""

import functools

import halide as hl

from mnist_study.fast.chain import F32, Chain
from mnist_study.fast.layout import CHANNELS_AT_ONCE, lanes, target

COLUMNS_AT_ONCE = 2 if lanes() == 8 else 4  # times four channels: as many sums as registers hold beside their factors
LANE, COLUMN, ROW, CHANNEL, BLOCK = (hl.Var(name) for name in ("lane", "column", "row", "channel", "block"))


def planes_parameter(name: str) -> hl.ImageParam:
    """Declare an argument that `layout.Planes` fills."""
    planes = hl.ImageParam(F32, 5, name)
    _lay_out(planes)
    return planes


def _lay_out(planes: hl.ImageParam | hl.OutputImageParam) -> None:
    planes.dim(0).set_bounds(0, lanes()).set_stride(1)
    planes.dim(1).set_min(0).set_stride(lanes())
    for dimension in (2, 3, 4):
        planes.dim(dimension).set_min(0)


def compiled(result: hl.Func, arguments: list[hl.ImageParam | hl.Param]) -> hl.Callable:
    """Compile a kernel; it is called with its arguments' values and the buffer that takes the result."""
    return result.compile_to_callable(arguments, target())


def padded(planes: hl.ImageParam, chain: Chain, padding: hl.Param) -> hl.Func:
    """Give z of the chain with so many rows and columns of zeros around it."""
    columns, rows = planes.dim(1).extent(), planes.dim(2).extent()
    column, row = COLUMN - padding, ROW - padding
    inside = hl.likely(column >= 0) & hl.likely(column < columns) & hl.likely(row >= 0) & hl.likely(row < rows)
    at = [LANE, hl.clamp(hl.likely(column), 0, columns - 1), hl.clamp(hl.likely(row), 0, rows - 1), CHANNEL, BLOCK]
    ready = hl.Func("ready")
    ready[LANE, COLUMN, ROW, CHANNEL, BLOCK] = hl.select(inside, chain.forward(planes, at), 0.0)
    return ready.vectorize(LANE, lanes())


@functools.cache
def convolution(size: int, columns: int, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = bias + filters * padded(chain(planes)), for filters of size x size, `columns` results at once.

    Arguments: planes, the chain's, padding, filters [in][row][column][out], bias [out], out.
    """
    planes, chain = planes_parameter("planes"), Chain(with_dropout)
    padding = hl.Param(hl.Int(32), "padding")
    filters, bias = hl.ImageParam(F32, 4, "filters"), hl.ImageParam(F32, 1, "bias")
    ready = padded(planes, chain, padding)
    total, out = hl.Func("total"), hl.Func("out")
    taps = hl.RDom([(0, size), (0, size), (0, filters.dim(3).extent())], "taps")
    total[LANE, COLUMN, ROW, CHANNEL, BLOCK] = bias[CHANNEL]
    total[LANE, COLUMN, ROW, CHANNEL, BLOCK] += (
        filters[CHANNEL, taps.x, taps.y, taps.z] * ready[LANE, COLUMN + taps.x, ROW + taps.y, taps.z, BLOCK]
    )
    out[LANE, COLUMN, ROW, CHANNEL, BLOCK] = total[LANE, COLUMN, ROW, CHANNEL, BLOCK]

    wide, narrow = hl.Var("columns"), hl.Var("column_of_block")
    many, few = hl.Var("channels"), hl.Var("channel_of_block")
    out.bound(LANE, 0, lanes()).vectorize(LANE, lanes())
    out.split(COLUMN, wide, narrow, columns, hl.TailStrategy.ShiftInwards)
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.reorder(LANE, narrow, few, many, wide, ROW, BLOCK).unroll(narrow).unroll(few)
    total.compute_at(out, many).vectorize(LANE, lanes()).unroll(COLUMN).unroll(CHANNEL)
    total.update().reorder(LANE, COLUMN, CHANNEL, taps.x, taps.y, taps.z)
    total.update().vectorize(LANE, lanes()).unroll(COLUMN).unroll(CHANNEL).unroll(taps.x)
    ready.compute_at(out, BLOCK)
    filters.dim(0).set_min(0).set_stride(1)
    _lay_out(out.output_buffer())
    return compiled(out, [planes, chain.rows, chain.dropout, padding, filters, bias])


@functools.cache
def arranged(*, turned: bool) -> hl.Callable:
    """Compile the filters' change from PyTorch's order to `convolution`'s, for forward or, turned, for the way back.

    Arguments: weights [out][in][row][column]; out [in][row][column][out], turned [out][row][column][in].
    """
    weights, out = hl.ImageParam(F32, 4, "weights"), hl.Func("out")
    x, y, summed = hl.Var("x"), hl.Var("y"), hl.Var("summed")
    last_x, last_y = weights.dim(0).extent() - 1, weights.dim(1).extent() - 1
    channels = weights.dim(2 if turned else 3).extent()
    channel = hl.min(CHANNEL, channels - 1)
    weight = weights[last_x - x, last_y - y, channel, summed] if turned else weights[x, y, summed, channel]
    out[CHANNEL, x, y, summed] = hl.select(channels > CHANNEL, weight, 0.0)
    return compiled(out, [weights])


@functools.cache
def weight_gradient(size: int, *, with_dropout: bool) -> hl.Callable:
    """Compile the sum over images and places of padded(chain(planes)) times the gradient of a convolution's result.

    Arguments: planes, the chain's, padding, gradient, out [out][in][row][column].
    """
    planes, chain, gradient = planes_parameter("planes"), Chain(with_dropout), planes_parameter("gradient")
    padding = hl.Param(hl.Int(32), "padding")
    ready = padded(planes, chain, padding)
    total, by_lane, out = hl.Func("total"), hl.Func("by_lane"), hl.Func("out")
    x, y, source = hl.Var("x"), hl.Var("y"), hl.Var("source")
    place = hl.RDom([(0, gradient.dim(1).extent()), (0, gradient.dim(2).extent())], "place")
    blocks = hl.RDom([(0, gradient.dim(4).extent())], "blocks")
    lane = hl.RDom([(0, lanes())], "lane_of_sum")
    total[LANE, x, y, CHANNEL, source, BLOCK] = 0.0
    total[LANE, x, y, CHANNEL, source, BLOCK] += (
        gradient[LANE, place.x, place.y, CHANNEL, BLOCK] * ready[LANE, place.x + x, place.y + y, source, BLOCK]
    )
    by_lane[LANE, x, y, CHANNEL, source] = 0.0
    by_lane[LANE, x, y, CHANNEL, source] += total[LANE, x, y, CHANNEL, source, blocks.x]
    out[x, y, source, CHANNEL] = 0.0
    out[x, y, source, CHANNEL] += by_lane[lane.x, x, y, CHANNEL, source]

    many, few = hl.Var("channels"), hl.Var("channel_of_block")
    by_lane.compute_root().vectorize(LANE, lanes()).bound_extent(x, size).bound_extent(y, size)
    by_lane.align_bounds(CHANNEL, CHANNELS_AT_ONCE)
    sums = by_lane.update().split(CHANNEL, many, few, CHANNELS_AT_ONCE)
    sums.reorder(LANE, x, few, y, source, many, blocks.x).vectorize(LANE, lanes()).unroll(x).unroll(few)
    total.compute_at(by_lane, y).vectorize(LANE, lanes()).unroll(x).unroll(CHANNEL)
    total.update().reorder(LANE, x, CHANNEL, place.x, place.y)
    total.update().vectorize(LANE, lanes()).unroll(x).unroll(CHANNEL)
    ready.compute_at(by_lane, blocks.x)
    return compiled(out, [planes, chain.rows, chain.dropout, padding, gradient])
