"""Convolution summed up directly: in bf16 every one, in float32 1x1 filters, odd sides and the gradient of any filters.

A kernel first prepares a block of its input, which stays in the processor's cache: the chain before the convolution is
applied, the border of zeros added, the numbers rounded. Then a few results at a time are summed up in registers.

In bf16 one instruction adds two products to each of sixteen float32 sums, so the numbers are prepared in pairs, the two
of a pair beside one another: of neighbouring channels forward, of the same pixel in two blocks of images for the
gradient of the weights. In float32 a pair is a single number, and all else is the same.
"""

import functools

import halide as hl

from mnist_study.train.engines.fast.chain import Chain
from mnist_study.train.engines.fast.kernel import (
    BF16,
    BLOCK,
    CHANNEL,
    COLUMN,
    F32,
    LANE,
    PLACE,
    ROW,
    compiled,
    lay_out,
    planes_parameter,
    registers,
    rounded,
    storage,
)
from mnist_study.train.engines.fast.layout import CHANNELS_AT_ONCE, LANES, PAIRED

OF_PAIR, PAIR = hl.Var("of_pair"), hl.Var("pair")
GRADIENT_CHANNELS_AT_ONCE = 2  # times three numbers of a filter, or all nine where there are registers for them


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
    """Give filters [out][in][row][column] as [in][row][column][out], with zeros beyond both ends."""
    out, x, y, summed = hl.Func("arranged"), hl.Var("x"), hl.Var("y"), hl.Var("summed")
    inward, outward = weights.dim(2).extent(), weights.dim(3).extent()
    theirs = weights[x, y, hl.min(summed, inward - 1), hl.min(CHANNEL, outward - 1)]
    out[CHANNEL, x, y, summed] = hl.select((outward > CHANNEL) & (inward > summed), theirs, 0.0)
    return out


def weights_parameter() -> hl.ImageParam:
    """Declare an argument that holds filters [out][in][row][column], with any strides."""
    weights = hl.ImageParam(F32, 4, "weights")
    weights.dim(0).set_stride(hl.Expr())
    return weights


def _product(first: hl.Expr, second: hl.Expr, precision: str) -> hl.Expr:
    """Multiply two stored numbers; in bf16, summed over the two of a pair, this is the instruction."""
    if precision == "fp32":
        return first * second
    return hl.f32(hl.reinterpret(BF16, first)) * hl.f32(hl.reinterpret(BF16, second))


def _sum_of_pairs(total: hl.Func, of_pair: hl.RVar, others: list[hl.Var | hl.RVar], precision: str) -> hl.Stage:
    """Order a sum of products, the two of a pair and the lanes innermost."""
    sums = total.update().reorder(of_pair, LANE, *others)
    return (sums.atomic().vectorize(of_pair) if precision == "bf16" else sums).vectorize(LANE, LANES)


def _side_by_side(pairs: hl.Func, at: list[hl.Var], precision: str) -> None:
    """Store the two of a pair beside one another, sixteen pairs at a time."""
    pairs.bound_extent(OF_PAIR, PAIRED[precision]).reorder_storage(OF_PAIR, *at).reorder(OF_PAIR, *at)
    pairs.vectorize(LANE, LANES).unroll(OF_PAIR)


@functools.cache
def filters(precision: str) -> hl.Callable:
    """Compile the rounding of filters [out][in][row][column] to [pair of in][row][column][out][of pair].

    Arguments: weights, out.
    """
    weights, out, x, y = weights_parameter(), hl.Func("out"), hl.Var("x"), hl.Var("y")
    theirs = arranged(weights)[CHANNEL, x, y, PAIRED[precision] * PAIR + OF_PAIR]
    out[OF_PAIR, CHANNEL, x, y, PAIR] = rounded(theirs, precision)
    return compiled(out, [weights])


@functools.cache
def convolution(size: int, precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = bias + filters * padded(chain(planes)), for filters of size x size.

    Arguments: planes, the chain's, padding, filters as `filters` gives them, bias [out], out.
    """
    planes, chain = planes_parameter("planes", precision), Chain(with_dropout)
    padding, taken = hl.Param(hl.Int(32), "padding"), hl.ImageParam(storage(precision), 5, "filters")
    bias, paired = hl.ImageParam(F32, 1, "bias"), PAIRED[precision]
    ready, pairs, total, out = padded(planes, chain, padding), hl.Func("pairs"), hl.Func("total"), hl.Func("out")
    at = [LANE, COLUMN, ROW, PAIR, BLOCK]
    pairs[[OF_PAIR, *at]] = rounded(ready[LANE, COLUMN, ROW, paired * PAIR + OF_PAIR, BLOCK], precision)
    taps = hl.RDom([(0, paired), (0, size), (0, size), (0, taken.dim(4).extent())], "taps")
    of_pair, x, y, pair = taps[0], taps[1], taps[2], taps[3]
    total[PLACE] = bias[CHANNEL]
    seen = pairs[of_pair, LANE, COLUMN + x, ROW + y, pair, BLOCK]
    total[PLACE] += _product(taken[of_pair, CHANNEL, x, y, pair], seen, precision)
    out[PLACE] = rounded(total[PLACE], precision)

    many, few, left, right = (hl.Var(name) for name in ("channels", "few", "left", "right"))
    columns = 4 if registers() >= 32 else 1  # times four channels of sixteen images
    out.bound(LANE, 0, LANES)
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.split(COLUMN, left, right, columns, hl.TailStrategy.GuardWithIf)
    out.reorder(LANE, right, few, many, left, ROW, BLOCK).vectorize(LANE, LANES).unroll(few).unroll(right)
    total.compute_at(out, many).bound_extent(COLUMN, columns).bound_extent(CHANNEL, CHANNELS_AT_ONCE)
    total.vectorize(LANE, LANES).unroll(CHANNEL).unroll(COLUMN)
    sums = _sum_of_pairs(total, of_pair, [COLUMN, CHANNEL, x, y, pair], precision)
    sums.unroll(COLUMN).unroll(CHANNEL).unroll(x)
    pairs.compute_at(out, BLOCK)
    _side_by_side(pairs, at, precision)
    taken.dim(0).set_bounds(0, paired).set_stride(1)
    taken.dim(1).set_min(0).set_stride(paired)
    lay_out(out.output_buffer())
    return compiled(out, [planes, chain.rows, chain.dropout, padding, taken, bias])


@functools.cache
def weight_gradient(size: int, precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile the sum over images and places of padded(chain(planes)) times the gradient of a convolution's result.

    Arguments: planes, the chain's, padding, gradient, out [out][in][row][column].
    """
    planes, gradient = planes_parameter("planes", precision), planes_parameter("gradient", precision)
    chain, padding, paired = Chain(with_dropout), hl.Param(hl.Int(32), "padding"), PAIRED[precision]
    ready, seen, slopes = padded(planes, chain, padding), hl.Func("seen"), hl.Func("slopes")
    blocks, block = planes.dim(4).extent(), paired * PAIR + OF_PAIR
    there, at = hl.min(block, blocks - 1), [LANE, COLUMN, ROW, CHANNEL, PAIR]  # blocks may be odd
    seen[[OF_PAIR, *at]] = rounded(ready[LANE, COLUMN, ROW, CHANNEL, there], precision)
    slope = gradient[LANE, COLUMN, ROW, CHANNEL, there]
    slopes[[OF_PAIR, *at]] = slope if paired == 1 else hl.select(block < blocks, slope, hl.cast(slope.type(), 0))

    total, by_lane, out = hl.Func("total"), hl.Func("by_lane"), hl.Func("out")
    x, y, source = hl.Var("x"), hl.Var("y"), hl.Var("source")
    place = hl.RDom([(0, paired), (0, gradient.dim(1).extent()), (0, gradient.dim(2).extent())], "place")
    pairs = hl.RDom([(0, (blocks + paired - 1) // paired)], "pairs")
    lane = hl.RDom([(0, LANES)], "lane_of_sum")
    of_pair, column, row = place[0], place[1], place[2]
    one = slopes[of_pair, LANE, column, row, CHANNEL, PAIR]
    other = seen[of_pair, LANE, column + x, row + y, source, PAIR]
    total[LANE, x, y, CHANNEL, source, PAIR] = 0.0
    total[LANE, x, y, CHANNEL, source, PAIR] += _product(one, other, precision)
    by_lane[LANE, x, y, CHANNEL, source] = 0.0
    by_lane[LANE, x, y, CHANNEL, source] += total[LANE, x, y, CHANNEL, source, pairs.x]
    out[x, y, source, CHANNEL] = 0.0
    out[x, y, source, CHANNEL] += by_lane[lane.x, x, y, CHANNEL, source]

    many, few = hl.Var("channels"), hl.Var("few")
    filter_at_once = registers() >= 32
    by_lane.compute_root().vectorize(LANE, LANES).bound_extent(x, size).bound_extent(y, size)
    by_lane.align_bounds(CHANNEL, CHANNELS_AT_ONCE)
    sums = by_lane.update().split(CHANNEL, many, few, GRADIENT_CHANNELS_AT_ONCE).vectorize(LANE, LANES)
    within = [LANE, x, y, few] if filter_at_once else [LANE, x, few, y]
    sums.reorder(*within, source, many, pairs.x).unroll(x).unroll(few)
    total.compute_at(by_lane, source if filter_at_once else y).vectorize(LANE, LANES).unroll(x).unroll(CHANNEL)
    products = _sum_of_pairs(total, of_pair, [x, y, CHANNEL, column, row], precision).unroll(x).unroll(CHANNEL)
    if filter_at_once:
        for stage in (sums, total, products):
            stage.unroll(y)
    for prepared in [seen, slopes][:paired]:  # single numbers of the gradient are taken from where they are
        prepared.compute_at(by_lane, pairs.x)
        _side_by_side(prepared, at, precision)
    return compiled(out, [planes, chain.rows, chain.dropout, padding, gradient])
