"""Batch norm between the passes over the images: statistics to coefficients; and the bounds of what comes next."""

import halide as hl

from mnist_study.core.arithmetic.chain import TINY
from mnist_study.core.arithmetic.fixed_point import GRID, LARGEST
from mnist_study.kernels.chain import Stored
from mnist_study.kernels.kernel import BLOCK, CHANNEL, F32, F64, I32, LANE, LANES, Description, compiled
from mnist_study.kernels.planes import EXPONENT, HIGH, LOW, PRODUCTS_HIGH, PRODUCTS_LOW, SUM


def total(sums: hl.Expr, units: hl.Expr, present: hl.ImageParam, blocks: hl.Expr) -> hl.Expr:
    """Add up float64 integers over the images, each in units of its own, as multiples of the largest unit's 16th."""
    number, unit, largest, result = hl.Func("number"), hl.Func("unit"), hl.Func("largest"), hl.Func("result")
    at, image = [LANE, CHANNEL, BLOCK], hl.RDom([(0, LANES), (0, blocks)], "image")
    there = [image.x, CHANNEL, image.y]
    unit[at] = units * present[LANE, BLOCK]
    largest[CHANNEL] = hl.f64(0.0)
    largest[CHANNEL] = hl.max(largest[CHANNEL], unit[there])
    number[at] = sums
    grid = largest[CHANNEL] * hl.f64(2.0**-GRID)
    result[CHANNEL] = hl.f64(0.0)
    result[CHANNEL] += hl.strict_float(hl.round(number[there] * (unit[there] / grid)))
    for func in (number, unit, largest, result):
        func.compute_root()
    for func in (number, unit):
        func.vectorize(LANE, 8)
    return hl.strict_float(result[CHANNEL] * grid)


def whole(planes: Stored, field: int) -> hl.Expr:
    """Give an int32 that lies in two fields."""
    return planes.field(field + 1) * 65536 + (planes.field(field) & 0xFFFF)


def wide(planes: Stored, low: int, high: int) -> hl.Expr:
    """Give a float64 integer of two int32, the higher one in units of 2^16."""
    return hl.f64(whole(planes, low)) + hl.f64(whole(planes, high)) * hl.f64(65536.0)


def coefficients(mean: hl.Expr, variance: hl.Expr, factor: hl.Param) -> tuple[list[hl.Expr], list[hl.ImageParam]]:
    """Give mean, inverse, scale in float64, the chain's scale and shift in float32, and the norm's arguments."""
    weight, bias = hl.ImageParam(F32, 1, "weight"), hl.ImageParam(F32, 1, "bias")
    inverse = hl.f64(1.0) / hl.sqrt(variance + hl.f64(1e-5))
    scale = hl.f64(weight[CHANNEL]) * inverse
    shift = hl.f64(bias[CHANNEL]) - mean * scale
    strict = [hl.strict_float(number) for number in (inverse, scale, hl.f32(scale * factor), hl.f32(shift * factor))]
    return [mean, *strict], [weight, bias]


@compiled
def batch() -> Description:
    """Compile a batch's statistics and the coefficients of its chain.

    Arguments: numbers and side of planes, present float64 [blocks][16], count of images [1], factor, running mean and
    variance, weight, bias; results: mean, inverse, scale float64 [channel], the chain's scale and shift float32, the
    new running mean and variance.
    """
    planes, present = Stored("q"), hl.ImageParam(F64, 2, "present")
    images, factor = hl.ImageParam(F64, 1, "count"), hl.Param(F64, "factor")
    count = images[0] * hl.f64(planes.side * planes.side)
    running = [hl.ImageParam(F32, 1, name) for name in ("running_mean", "running_variance")]
    blocks, unit = present.dim(1).extent(), hl.f64(planes.unit())
    mean, variance, out = hl.Func("mean"), hl.Func("variance"), hl.Func("out")
    mean[CHANNEL] = hl.strict_float(total(hl.f64(whole(planes, SUM)), unit, present, blocks) / count)
    squares = total(wide(planes, PRODUCTS_LOW, PRODUCTS_HIGH), unit * unit * hl.f64(16.0), present, blocks) / count
    variance[CHANNEL] = hl.max(hl.strict_float(squares - mean[CHANNEL] * mean[CHANNEL]), hl.f64(0.0))
    unbiased = variance[CHANNEL] * (count / (count - hl.f64(1.0)))
    moved = []
    for old, new in zip(running, (mean[CHANNEL], unbiased), strict=True):
        number = hl.strict_float(hl.f32(hl.f64(old[CHANNEL]) * hl.f64(0.9) + new * hl.f64(0.1)))
        moved.append(hl.select(hl.abs(number) < hl.f32(TINY), hl.f32(0.0), number))
    numbers, parameters = coefficients(mean[CHANNEL], variance[CHANNEL], factor)
    out[CHANNEL] = (*numbers, *moved)
    mean.compute_root()
    variance.compute_root()
    return out, [planes.numbers, planes.side, present, images, factor, *running, *parameters]


@compiled
def running() -> Description:
    """Compile the coefficients of scoring. Arguments: factor, running mean and variance, weight, bias; as `batch`."""
    factor, out = hl.Param(F64, "factor"), hl.Func("out")
    statistics = [hl.ImageParam(F32, 1, name) for name in ("running_mean", "running_variance")]
    mean, variance = (hl.f64(statistic[CHANNEL]) for statistic in statistics)
    numbers, parameters = coefficients(mean, variance, factor)
    out[CHANNEL] = tuple(numbers)
    return out, [factor, *statistics, *parameters]


@compiled
def bounds() -> Description:
    """Compile the largest magnitude of each image behind a chain, float32 [blocks][16], infinite where one diverged.

    Arguments: numbers and side of planes, scale, shift, last floor.
    """
    planes, floor, out = Stored("q"), hl.Param(F32, "last_floor"), hl.Func("out")
    scale, shift = hl.ImageParam(F32, 1, "scale"), hl.ImageParam(F32, 1, "shift")
    channels = hl.RDom([(0, scale.dim(0).extent())], "channels")
    channel = channels.x
    met = hl.f32(0.0)
    for end in (LOW, HIGH):
        value = hl.f32(planes.field(end, channel)) * planes.unit(channel)
        number = hl.max(hl.strict_float(value * scale[channel] + shift[channel]), floor)
        met = hl.max(met, hl.abs(number))
    infinite = hl.f32(float("inf"))
    out[LANE, BLOCK] = hl.f32(0.0)
    out[LANE, BLOCK] = hl.max(out[LANE, BLOCK], hl.select(planes.field(EXPONENT, channel) > LARGEST, infinite, met))
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES).update().reorder(LANE, channel, BLOCK).vectorize(LANE, LANES)
    return out, [planes.numbers, planes.side, scale, shift, floor]


@compiled
def backward() -> Description:
    """Compile a norm's gradients and the coefficients of its backward chain.

    Arguments: what `chain_backward.sums` gives; numbers and side of the gradient's planes and of q, for their units;
    present, count of images [1], factor; mean, inverse, scale float64 [channel]. Results: gradients of weight and bias,
    float64; the coefficients of gradient, value and 1, float32.
    """
    gradient, q = Stored("gradient"), Stored("q")
    sums = [hl.ImageParam(I32, 3, name) for name in ("sum", "products_low", "products_high")]
    whole_, low, high = (hl.f64(each[LANE, CHANNEL, BLOCK]) for each in sums)
    present, images, factor = hl.ImageParam(F64, 2, "present"), hl.ImageParam(F64, 1, "count"), hl.Param(F64, "factor")
    given = [hl.ImageParam(F64, 1, name) for name in ("mean", "inverse", "scale")]
    mean, inverse, scale = (numbers[CHANNEL] for numbers in given)
    count = images[0] * hl.f64(q.side * q.side)
    blocks, unit, out = present.dim(1).extent(), hl.f64(gradient.unit()), hl.Func("out")
    first, weight = hl.Func("first"), hl.Func("weight_gradient")
    first[CHANNEL] = hl.strict_float(total(whole_, unit, present, blocks) * factor)
    units = unit * hl.f64(q.unit()) * hl.f64(16.0)
    second = hl.strict_float(total(low + high * hl.f64(65536.0), units, present, blocks) * factor)
    weight[CHANNEL] = hl.strict_float((second - mean * first[CHANNEL]) * inverse)
    by_value = hl.strict_float(-(scale * inverse * weight[CHANNEL]) / count)
    constant = hl.strict_float(-(scale * first[CHANNEL]) / count - by_value * mean)
    own = hl.strict_float(hl.f32(scale * factor))
    out[CHANNEL] = (weight[CHANNEL], first[CHANNEL], own, hl.f32(by_value), hl.f32(constant))
    first.compute_root()
    weight.compute_root()
    planes = [*sums, gradient.numbers, gradient.side, q.numbers, q.side]
    return out, [*planes, present, images, factor, *given]


@compiled
def backward_bounds() -> Description:
    """Compile a bound of each image's gradient before the chain, float32 [blocks][16].

    Arguments: numbers and side of the arriving gradient and of q, the coefficients of `backward`, the integer that q
    must exceed.
    """
    gradient, q, floor, out = Stored("gradient"), Stored("q"), hl.Param(I32, "floor"), hl.Func("out")
    own, by_value, constant = (hl.ImageParam(F32, 1, name) for name in ("own", "by_value", "constant"))
    channel = hl.RDom([(0, own.dim(0).extent())], "channels").x
    largest = hl.max(hl.abs(gradient.field(LOW, channel)), hl.abs(gradient.field(HIGH, channel)))
    top = hl.f32(largest) * gradient.unit(channel)
    ends = []
    for end in (LOW, HIGH):
        value = hl.f32(q.field(end, channel)) * q.unit(channel)
        ends.append(hl.abs(hl.strict_float(value * by_value[channel] + constant[channel])))
    met = hl.strict_float(top * hl.abs(own[channel]) + hl.max(ends[0], ends[1]))
    out[LANE, BLOCK] = hl.f32(0.0)
    met = hl.select(q.field(HIGH, channel) > floor, met, hl.f32(0.0))  # the first ReLU closes the whole channel
    out[LANE, BLOCK] = hl.max(out[LANE, BLOCK], met)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES).update().reorder(LANE, channel, BLOCK).vectorize(LANE, LANES)
    return out, [gradient.numbers, gradient.side, q.numbers, q.side, own, by_value, constant, floor]
