"""The end of a network: linear layer, loss and their gradients, to the bits of core/arithmetic/head.py.

It is small, so integers are kept in float64, as there.
"""

from collections.abc import Iterable

import halide as hl
import torch

from mnist_study.core.arithmetic import functions
from mnist_study.core.arithmetic.fixed_point import LARGEST, SLOPE, SMALLEST, SMALLEST_OF_WEIGHTS, STORED, VALUE, WEIGHT
from mnist_study.core.arithmetic.head import LOSS_UNITS, POWER_UNITS
from mnist_study.kernels.functions import exp, frexp, log, power
from mnist_study.kernels.kernel import (
    BLOCK,
    CHANNEL,
    F32,
    F64,
    I16,
    I32,
    I64,
    LANE,
    LANES,
    PAIR,
    TWO,
    Description,
    compiled,
)
from mnist_study.kernels.planes import AT, EXPONENT, HIGH, LOW, with_fields
from mnist_study.kernels.weights import ratios

CLASS = hl.Var("class")
OF_CLASS, OF_CHANNEL, OF_IMAGE = [LANE, CLASS, BLOCK], [LANE, CHANNEL, BLOCK], [LANE, BLOCK]
OF_WEIGHT = [CHANNEL, CLASS]


def exponent_of(largest: hl.Expr, smallest: int = SMALLEST) -> hl.Expr:
    """Give the least e with largest < 2^e, within `smallest` and 60."""
    return hl.clamp(frexp(largest), smallest, LARGEST)


def rounded(number: hl.Expr, bits: int, exponent: hl.Expr) -> hl.Expr:
    """Give the nearest integer of so many bits."""
    limit = hl.f64(2.0 ** (bits - 1) - 1)
    return hl.clamp(hl.round(number * power(bits - 1 - exponent)), -limit, limit)


class Integers:
    """Numbers as integers of so many bits, with a unit for all along the dimension `over`, which has `count`."""

    def __init__(
        self, numbers: hl.ImageParam, at: list[hl.Var], over: hl.Var, count: hl.Expr, bits: int, smallest: int
    ) -> None:
        self.q, self.unit, exponent = hl.Func("q"), hl.Func("unit"), hl.Func("exponent")
        along = hl.RDom([(0, count)], "along").x
        others = [var for var in at if var is not over]
        magnitude = hl.abs(numbers[[along if var is over else var for var in at]])
        exponent[others] = exponent_of(hl.f64(hl.maximum(magnitude)), smallest)
        self.q[at] = rounded(hl.f64(numbers[at]), bits, exponent[others])
        self.unit[others] = power(exponent[others] - (bits - 1))
        for func in (exponent, self.q, self.unit):
            func.compute_root()
            if at[0] is LANE:
                func.bound(LANE, 0, LANES).vectorize(LANE, 8)


@compiled
def logits() -> Description:
    """Compile the linear layer: logits float32 [blocks][classes][16].

    Arguments: averages float32 [blocks][channels][16], weights, bias.
    """
    averages, given = hl.ImageParam(F32, 3, "averages"), hl.ImageParam(F32, 2, "weights")
    bias, out = hl.ImageParam(F32, 1, "bias"), hl.Func("out")
    channels = given.dim(0).extent()
    channel = hl.RDom([(0, channels)], "channels").x
    features = Integers(averages, OF_CHANNEL, CHANNEL, channels, VALUE, SMALLEST)
    weights = Integers(given, OF_WEIGHT, CHANNEL, channels, WEIGHT, SMALLEST_OF_WEIGHTS)
    total = hl.sum(features.q[LANE, channel, BLOCK] * weights.q[channel, CLASS])
    number = hl.f32(total) * hl.f32(features.unit[OF_IMAGE] * weights.unit[CLASS]) + bias[CLASS]
    out[OF_CLASS] = hl.strict_float(number + hl.f32(0.0))  # + 0 makes -0 to 0
    vectorized([out])
    return out, [averages, given, bias]


@compiled
def loss() -> Description:
    """Compile each image's loss in 2^-32 nats and class, int64 [blocks][16], and slope, float64 [blocks][classes][16].

    Arguments: logits as above, labels int64 and present float64 [blocks][16], smoothing. Images not present have no
    slope.
    """
    given, labels = hl.ImageParam(F32, 3, "logits"), hl.ImageParam(I64, 2, "labels")
    present, smoothing = hl.ImageParam(F64, 2, "present"), hl.Param(F64, "smoothing")
    largest, below, powers, total, log_total, log_share, losses, predicted, slope = (
        hl.Func(name)
        for name in ("largest", "below", "powers", "total", "log_total", "log_share", "losses", "predicted", "slope")
    )
    classes, units, one = given.dim(1).extent(), hl.f64(LOSS_UNITS), hl.f64(1.0)
    k = hl.RDom([(0, classes)], "classes").x
    each = [LANE, k, BLOCK]
    largest[OF_IMAGE] = hl.maximum(given[each])
    below[OF_CLASS] = hl.max(hl.f64(given[OF_CLASS]) - hl.f64(largest[OF_IMAGE]), hl.f64(-700.0))
    powers[OF_CLASS] = hl.strict_float(hl.round(exp(below[OF_CLASS]) * hl.f64(POWER_UNITS)))
    total[OF_IMAGE] = hl.sum(powers[each])
    log_units = functions.log(torch.tensor(POWER_UNITS, dtype=torch.float64)).item()
    log_total[OF_IMAGE] = hl.strict_float(log(total[OF_IMAGE]) - hl.f64(log_units))
    log_share[OF_CLASS] = hl.strict_float(below[OF_CLASS] - log_total[OF_IMAGE])
    label = hl.clamp(hl.cast(I32, labels[OF_IMAGE]), 0, classes - 1)
    own = -log_share[LANE, label, BLOCK]
    spread_out = -hl.sum(hl.strict_float(hl.round(log_share[each] * units))) / hl.f64(classes)
    nats = own * units * (one - smoothing) + spread_out * smoothing
    losses[OF_IMAGE] = hl.cast(I64, hl.strict_float(hl.round(nats)))
    predicted[OF_IMAGE] = hl.cast(I64, hl.minimum(hl.select(given[each] == largest[OF_IMAGE], k, classes)))
    share = hl.select(label == CLASS, one, hl.f64(0.0)) * (one - smoothing) + smoothing / hl.f64(classes)
    number = hl.strict_float(powers[OF_CLASS] / total[OF_IMAGE] - share)
    slope[OF_CLASS] = hl.select(present[OF_IMAGE] > hl.f64(0.0), number, hl.f64(0.0))
    vectorized([largest, below, powers, total, log_total, log_share, losses, predicted, slope])
    return hl.Pipeline([losses, predicted, slope]), [given, labels, present, smoothing]


@compiled
def backward(*, linear: bool) -> Description:
    """Compile the gradient of the averages, at each place of the last cell, and those of the linear layer.

    Arguments: slope as above, side of the last cell; with a linear layer averages, weights, present. Results: planes;
    with a linear layer gradients of weights and bias, float64.
    """
    slope, side = hl.ImageParam(F64, 3, "slope"), hl.Param(I32, "side")
    averages, given = hl.ImageParam(F32, 3, "averages"), hl.ImageParam(F32, 2, "weights")
    present = hl.ImageParam(F64, 2, "present")
    classes, gradient = slope.dim(1).extent(), hl.Func("gradient")
    slopes = Integers(slope, OF_CLASS, CLASS, classes, SLOPE, SMALLEST)
    if not linear:
        gradient[OF_CHANNEL] = hl.f32(slopes.q[OF_CHANNEL] * slopes.unit[OF_IMAGE])
        return spread(gradient, side), [slope, side]
    weights = Integers(given, OF_WEIGHT, CLASS, classes, WEIGHT, SMALLEST_OF_WEIGHTS)
    k = hl.RDom([(0, classes)], "classes").x
    total = hl.f32(hl.sum(slopes.q[LANE, k, BLOCK] * weights.q[CHANNEL, k]))
    gradient[OF_CHANNEL] = hl.strict_float(total * hl.f32(slopes.unit[OF_IMAGE] * weights.unit[CHANNEL]))

    features = Integers(averages, OF_CHANNEL, CHANNEL, given.dim(0).extent(), VALUE, SMALLEST)
    by_lane, of_weights, of_bias = hl.Func("by_lane"), hl.Func("of_weights"), hl.Func("of_bias")
    blocks = slope.dim(2).extent()
    block, lane = hl.RDom([(0, blocks)], "blocks").x, hl.RDom([(0, LANES)], "lanes").x
    image = hl.RDom([(0, LANES), (0, blocks)], "images")
    ratio, grid = ratios(slopes.unit[OF_IMAGE] * features.unit[OF_IMAGE], present, blocks)
    products = slopes.q[LANE, CLASS, block] * features.q[LANE, CHANNEL, block]
    by_lane[LANE, CHANNEL, CLASS] = hl.sum(hl.strict_float(hl.round(products * ratio[LANE, block])))
    of_weights[OF_WEIGHT] = hl.sum(by_lane[lane, CHANNEL, CLASS]) * grid
    ratio, grid = ratios(slopes.unit[OF_IMAGE], present, blocks)
    sums = slopes.q[image.x, CLASS, image.y] * ratio[image.x, image.y]
    of_bias[CLASS] = hl.sum(hl.strict_float(hl.round(sums))) * grid
    vectorized([gradient, by_lane])
    results = [spread(gradient, side), of_weights, of_bias]
    return hl.Pipeline(results), [slope, side, averages, given, present]


def spread(gradient: hl.Func, side: hl.Expr) -> hl.Func:
    """Give the gradient of the averages, float32, as planes of this side."""
    number, rows = hl.Func("number"), hl.Func("rows")
    number[OF_CHANNEL] = hl.f64(hl.strict_float(hl.f32(hl.f64(gradient[OF_CHANNEL]) / hl.f64(side * side))))
    vectorized([number])
    exponent = exponent_of(number[OF_CHANNEL])
    integer = hl.cast(I16, rounded(number[OF_CHANNEL], STORED, exponent))
    rows[AT] = hl.select(side > 2 * PAIR + TWO, integer, hl.cast(I16, 0))
    out = with_fields(rows, {EXPONENT: hl.cast(I16, exponent), LOW: integer, HIGH: integer}, side)
    return out.reorder(*AT).vectorize(LANE, LANES).unroll(TWO)


def vectorized(funcs: Iterable[hl.Func]) -> None:
    """Compute each once, images side by side."""
    for func in funcs:
        func.compute_root().bound(LANE, 0, LANES).vectorize(LANE, 8)
