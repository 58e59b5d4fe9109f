"""Convolution: sums of products of 16-bit integers, stored with an exponent for each image and channel."""

import halide as hl

from mnist_study.core.arithmetic.fixed_point import LARGEST, SMALLEST, SMALLEST_OF_WEIGHTS, STORED, WEIGHT
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
    Description,
    compiled,
    exponent_of,
    frexp,
    has_wide_vectors,
    lay_out,
    nearest,
    power,
)
from mnist_study.kernels.planes import AT, CHANNELS_AT_ONCE, COLUMNS_AT_ONCE, EXPONENT, HIGH, LOW, SUM, with_fields
from mnist_study.kernels.sums import Sums


@compiled
def filters(*, turned: bool) -> Description:
    """Compile the rounding of filters [out][in][row][column], forward or turned for the gradient of the input.

    Arguments: filters, size; results: int16 [pair of summed][row][column][channel][2], units float32 [channel], and
    the sums of magnitudes, int32 [channel].
    """
    given, size = hl.ImageParam(F32, 4, "filters"), hl.Param(I32, "size")
    given.dim(0).set_stride(hl.Expr())  # any strides: torch may store channels last
    x, y, summed = hl.Var("x"), hl.Var("y"), hl.Var("summed")
    weight, largest, exponent, q, out, units, magnitude = (
        hl.Func(name) for name in ("weight", "largest", "exponent", "q", "out", "units", "magnitude")
    )
    inward, outward = given.dim(2).extent(), given.dim(3).extent()
    many, channels = (outward, inward) if turned else (inward, outward)
    one, other = hl.clamp(summed, 0, many - 1), hl.clamp(CHANNEL, 0, channels - 1)
    theirs = given[size - 1 - x, size - 1 - y, other, one] if turned else given[x, y, one, other]
    weight[CHANNEL, x, y, summed] = hl.select((summed < many) & (channels > CHANNEL), theirs, 0.0)
    place = hl.RDom([(0, size), (0, size), (0, many)], "place")
    largest[CHANNEL] = hl.f32(0.0)
    largest[CHANNEL] = hl.max(largest[CHANNEL], hl.abs(weight[CHANNEL, place.x, place.y, place.z]))
    exponent[CHANNEL] = exponent_of(largest[CHANNEL], SMALLEST_OF_WEIGHTS)
    scaled = hl.strict_float(weight[CHANNEL, x, y, summed] * power(WEIGHT - 1 - exponent[CHANNEL]))
    q[CHANNEL, x, y, summed] = nearest(scaled, 2 ** (WEIGHT - 1) - 1)
    out[TWO, CHANNEL, x, y, PAIR] = hl.cast(I16, q[CHANNEL, x, y, 2 * PAIR + TWO])
    units[CHANNEL] = power(exponent[CHANNEL] - (WEIGHT - 1))
    magnitude[CHANNEL] = 0
    magnitude[CHANNEL] += hl.cast(I32, hl.abs(q[CHANNEL, place.x, place.y, place.z]))
    exponent.compute_root()
    out.bound(TWO, 0, 2).unroll(TWO)
    return hl.Pipeline([out, units, magnitude]), [given, size]


@compiled
def convolution(size: int, *, statistics: bool, wide: bool) -> Description:
    """Compile: out = stored(max(filters * pairs + bias, floor)), for filters of size x size.

    `statistics` adds the sums that a batch norm needs; `wide` adds in 64 bits. Arguments: pairs, bounds of the images'
    magnitudes float32 [blocks][16], the pairs' bits, filters and units as `filters` gives them, bias [channel], floor,
    side; result: planes.
    """
    pairs, bounds = hl.ImageParam(I16, 6, "pairs"), hl.ImageParam(F32, 2, "bounds")
    taken, units = hl.ImageParam(I16, 5, "filters"), hl.ImageParam(F32, 1, "units")
    bias = hl.ImageParam(F32, 1, "bias")
    floor, side, bits = hl.Param(F32, "floor"), hl.Param(I32, "side"), hl.Param(I32, "bits")
    image, total, value, ends_of_row, ends, exponent, q = (
        hl.Func(name) for name in ("image", "total", "value", "ends_of_row", "ends", "exponent", "q")
    )
    place, channel = [LANE, COLUMN, ROW, CHANNEL, BLOCK], [LANE, CHANNEL, BLOCK]
    taps = hl.RDom([(0, 2), (0, size), (0, size), (0, pairs.dim(4).extent())], "taps")
    two, x, y, pair = taps[0], taps[1], taps[2], taps[3]
    image[LANE, BLOCK] = power(exponent_of(bounds[LANE, BLOCK], SMALLEST) - (bits - 1))
    product = hl.i32(taken[two, CHANNEL, x, y, pair]) * hl.i32(pairs[two, LANE, COLUMN + x, ROW + y, pair, BLOCK])
    total[place] = hl.i64(0) if wide else hl.i32(0)
    total[place] += hl.i64(product) if wide else product
    number = hl.f32(total[place]) * (image[LANE, BLOCK] * units[CHANNEL]) + bias[CHANNEL]
    value[place] = hl.max(hl.strict_float(number), floor)

    columns, rows, row = hl.RDom([(0, side)], "columns").x, hl.RDom([(0, side)], "rows").x, [LANE, ROW, CHANNEL, BLOCK]
    met, of_row = value[LANE, columns, ROW, CHANNEL, BLOCK], ends_of_row[LANE, rows, CHANNEL, BLOCK]
    nothing = hl.f32(3e38), hl.f32(-3e38)
    ends_of_row[row], ends[channel] = nothing, nothing
    ends_of_row[row] = (hl.min(ends_of_row[row][0], met), hl.max(ends_of_row[row][1], met))
    ends[channel] = (hl.min(ends[channel][0], of_row[0]), hl.max(ends[channel][1], of_row[1]))
    low, high = ends[channel][0], ends[channel][1]
    exponent[channel] = frexp(hl.max(hl.abs(low), hl.abs(high)))  # above 60 the training has diverged
    limited = hl.clamp(exponent[channel], SMALLEST, LARGEST)

    def rounded(number: hl.Expr) -> hl.Expr:
        return hl.cast(I16, nearest(hl.strict_float(number * power(STORED - 1 - limited)), 2 ** (STORED - 1) - 1))

    even, odd = (rounded(value[LANE, 2 * PAIR + column, ROW, CHANNEL, BLOCK]) for column in (0, 1))
    q[AT] = hl.select(TWO == 0, even, hl.select(hl.likely(side > 2 * PAIR + 1), odd, hl.cast(I16, 0)))
    fields = {EXPONENT: hl.cast(I16, exponent[channel]), LOW: rounded(low), HIGH: rounded(high)}
    sums = Sums(q, q, side)
    if statistics:
        fields |= dict(enumerate(sums.fields, SUM))
    out = with_fields(q, fields, side)

    many, few, left, right, both = (hl.Var(name) for name in ("many", "few", "left", "right", "both"))
    at_once = COLUMNS_AT_ONCE if has_wide_vectors() else 1
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.reorder(TWO, LANE, PAIR, ROW, few, many, BLOCK).parallel(BLOCK)
    out.fuse(TWO, LANE, both).vectorize(both, 2 * LANES) if statistics else out.vectorize(LANE, LANES).unroll(TWO)
    value.compute_at(out, many).split(COLUMN, left, right, at_once, hl.TailStrategy.RoundUp)
    value.bound_extent(CHANNEL, CHANNELS_AT_ONCE).reorder(LANE, right, CHANNEL, left, ROW, BLOCK)
    value.vectorize(LANE, LANES).unroll(CHANNEL).unroll(right)
    total.compute_at(value, left).bound_extent(COLUMN, at_once).bound_extent(CHANNEL, CHANNELS_AT_ONCE)
    total.vectorize(LANE, LANES).unroll(CHANNEL).unroll(COLUMN)
    products = total.update().reorder(two, LANE, COLUMN, CHANNEL, x, y, pair)
    products = products if wide else products.atomic().vectorize(two)
    products.vectorize(LANE, LANES).unroll(COLUMN).unroll(CHANNEL).unroll(x)
    image.compute_at(out, BLOCK).vectorize(LANE, LANES)
    for func in (ends_of_row, ends):
        func.compute_at(out, few).vectorize(LANE, LANES).update().vectorize(LANE, LANES)
    ends_of_row.update().reorder(LANE, columns, ROW, CHANNEL, BLOCK)
    exponent.compute_at(out, few).vectorize(LANE, LANES)
    if statistics:
        q.compute_at(out, few).bound_extent(TWO, 2).reorder_storage(*AT).reorder(*AT).vectorize(LANE, LANES).unroll(TWO)
        sums.compute_at(out, few)
    lay_out(pairs, 2, LANES)
    lay_out(taken, 2)
    lay_out(bounds, LANES)
    return out, [pairs, bounds, bits, taken, units, bias, floor, side]
