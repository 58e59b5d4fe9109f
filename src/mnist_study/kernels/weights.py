"""The gradient of a convolution's filters and bias: exact sums over each image, then over the images on one grid."""

import halide as hl

from mnist_study.core.arithmetic.fixed_point import GRADIENT, GRID, SMALLEST, VALUE
from mnist_study.kernels.kernel import (
    BLOCK,
    COLUMN,
    F32,
    F64,
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
    has_wide_vectors,
    lay_out,
    power,
)

PRODUCTS = 128  # of 14 and 12 bits, which stay below 2^31


def unit(bounds: hl.ImageParam, bits: int) -> hl.Expr:
    """Give the unit of an image's integers of so many bits, float64."""
    return hl.f64(power(exponent_of(bounds[LANE, BLOCK], SMALLEST) - (bits - 1)))


def ratios(units: hl.Expr, present: hl.ImageParam, blocks: hl.Expr) -> tuple[hl.Func, hl.Expr]:
    """Give each image's unit in units of the grid, 0 where there is no image, and the grid: powers of two, float64."""
    each, largest, ratio = hl.Func("each"), hl.Func("largest"), hl.Func("ratio")
    image = hl.RDom([(0, LANES), (0, blocks)], "image")
    each[LANE, BLOCK] = units * present[LANE, BLOCK]
    largest[()] = hl.f64(0.0)
    largest[()] = hl.max(largest[()], each[image.x, image.y])
    grid = largest[()] * hl.f64(2.0**-GRID)
    ratio[LANE, BLOCK] = each[LANE, BLOCK] / grid
    for func in (each, largest, ratio):
        func.compute_root()
    return ratio, grid


@compiled
def filters(size: int) -> Description:
    """Compile the gradient of filters of size x size.

    Arguments: pairs of the values with their border; inner pairs of the gradient; the bounds of values and gradients,
    float32 [blocks][16]; present; side of the gradient, rows that may be summed up in 32 bits, groups of so many rows.
    Result: float64 [out][in][row][column].
    """
    x, z = hl.ImageParam(I16, 6, "x"), hl.ImageParam(I16, 6, "z")
    bounds = [hl.ImageParam(F32, 2, name) for name in ("value_bounds", "gradient_bounds")]
    present, side, rows, groups = (
        hl.ImageParam(F64, 2, "present"),
        *(hl.Param(I32, n) for n in ("side", "rows", "groups")),
    )
    kx, ky, source, target, group = (hl.Var(name) for name in ("kx", "ky", "source", "target", "group"))
    values, slopes, part, whole, counted, of_block, out = (
        hl.Func(n) for n in ("values", "slopes", "part", "whole", "counted", "of_block", "out")
    )
    units = unit(bounds[0], VALUE) * unit(bounds[1], GRADIENT)
    ratio, grid = ratios(units, present, present.dim(1).extent())

    value_at, slope_at = [TWO, LANE, COLUMN, ROW, source, BLOCK], [TWO, LANE, PAIR, ROW, target, BLOCK]
    values[value_at] = x[source % 2, LANE, COLUMN + TWO, hl.min(ROW, x.dim(3).extent() - 1), source // 2, BLOCK]
    behind = hl.min(ROW, side - 1), hl.min(target // 2, z.dim(4).extent() - 1), BLOCK
    columns = 2 * PAIR, hl.min(hl.likely(2 * PAIR + 1), side - 1)
    even, odd = (z[target % 2, LANE, column, *behind] for column in columns)
    pair_ = hl.select(TWO == 0, even, hl.select(hl.likely(side > 2 * PAIR + 1), odd, hl.cast(I16, 0)))
    slopes[slope_at] = hl.select(hl.likely(side > ROW), pair_, hl.cast(I16, 0))

    place = hl.RDom([(0, 2), (0, (side + 1) // 2), (0, rows)], "place")
    two, pair, row = place.x, place.y, place.z
    at = [LANE, kx, source, target, ky, group, BLOCK]
    one = slopes[two, LANE, pair, group * rows + row, target, BLOCK]
    other = values[two, LANE, 2 * pair + kx, group * rows + row + ky, source, BLOCK]
    part[at] = hl.i32(0)
    part[at] += hl.i32(one) * hl.i32(other)
    each = hl.RDom([(0, groups)], "groups")
    of_image = [LANE, kx, source, target, ky, BLOCK]
    whole[of_image] = hl.f64(0.0)
    whole[of_image] += hl.f64(part[LANE, kx, source, target, ky, each.x, BLOCK])
    counted[of_image] = hl.strict_float(hl.round(whole[of_image] * ratio[LANE, BLOCK]))
    terms = [counted[lane, kx, source, target, ky, BLOCK] for lane in range(LANES)]
    while len(terms) > 1:  # no addition waits for many others
        terms = [left + right for left, right in zip(terms[::2], terms[1::2], strict=True)]
    of_block[kx, ky, source, target, BLOCK] = terms[0]
    blocks = hl.RDom([(0, present.dim(1).extent())], "blocks").x
    out[kx, ky, source, target] = hl.sum(of_block[kx, ky, source, target, blocks]) * grid

    sources, targets = (2, 4) if has_wide_vectors() else (1, 2)
    sources_, source_, targets_, target_ = (hl.Var(name) for name in ("sources", "of_sources", "targets", "of_targets"))
    stage = of_block.compute_root().split(source, sources_, source_, sources, hl.TailStrategy.GuardWithIf)
    stage.split(target, targets_, target_, targets, hl.TailStrategy.GuardWithIf)
    stage.reorder(kx, source_, target_, ky, targets_, sources_, BLOCK).parallel(BLOCK)
    counted.compute_at(of_block, kx).vectorize(LANE, LANES)
    whole.compute_at(of_block, targets_).bound_extent(kx, size).bound_extent(ky, size)
    whole.bound_extent(source, sources).bound_extent(target, targets)
    whole.vectorize(LANE, LANES).unroll(kx).unroll(source).unroll(target)
    adds = whole.update().reorder(LANE, kx, source, target, ky, each.x, BLOCK)
    adds.vectorize(LANE, LANES).unroll(kx).unroll(source).unroll(target)
    part.compute_at(whole, ky).vectorize(LANE, LANES).unroll(kx).unroll(source).unroll(target)
    products = part.update().reorder(two, LANE, kx, source, target, pair, row).atomic().vectorize(two)
    products.vectorize(LANE, LANES).unroll(kx).unroll(source).unroll(target)
    slopes.compute_at(of_block, BLOCK).bound_extent(TWO, 2).align_bounds(target, max(targets, 2))
    values.compute_at(of_block, sources_).bound_extent(TWO, 2).align_bounds(source, 2)
    slopes.reorder_storage(*slope_at).reorder(TWO, LANE, target, PAIR, ROW, BLOCK).unroll(target, 2)
    values.reorder_storage(*value_at).reorder(TWO, LANE, source, COLUMN, ROW, BLOCK).unroll(source, 2)
    for func in (slopes, values):
        func.vectorize(LANE, LANES).unroll(TWO)
    lay_out(x, 2, LANES)
    z.dim(0).set_bounds(0, 2).set_stride(1)
    z.dim(1).set_bounds(0, LANES).set_stride(2)
    return out, [x, z, *bounds, present, side, rows, groups]


@compiled
def bias() -> Description:
    """Compile the gradient of a bias, float64 [out].

    Arguments: inner pairs of the gradient, its bounds, present, side.
    """
    z, bounds, present = hl.ImageParam(I16, 6, "z"), hl.ImageParam(F32, 2, "bounds"), hl.ImageParam(F64, 2, "present")
    side, target = hl.Param(I32, "side"), hl.Var("target")
    own, total, image, out = (hl.Func(name) for name in ("own", "total", "image", "out"))
    ratio, grid = ratios(unit(bounds, GRADIENT), present, present.dim(1).extent())
    place = hl.RDom([(0, 2), (0, side), (0, side)], "place")
    at = [LANE, TWO, PAIR, BLOCK]
    total[at] = hl.i32(0)
    own[target, TWO] = hl.select(target == TWO, hl.i16(1), hl.i16(0))  # the other one of a pair is multiplied by 0
    total[at] += hl.i32(z[place.x, LANE, place.y, place.z, PAIR, BLOCK]) * hl.i32(own[place.x, TWO])
    image[at] = total[at]
    each = hl.RDom([(0, LANES), (0, present.dim(1).extent())], "images")
    out[target] = hl.f64(0.0)
    sums = hl.f64(image[each.x, target % 2, target // 2, each.y])
    out[target] += hl.strict_float(hl.round(sums * ratio[each.x, each.y]) * grid)
    own.compute_root()
    image.compute_root().vectorize(LANE, LANES).unroll(TWO).parallel(BLOCK)
    total.compute_at(image, PAIR).vectorize(LANE, LANES).unroll(TWO)
    adds = total.update().reorder(place.x, LANE, TWO, place.y, place.z)
    adds.atomic().vectorize(place.x).vectorize(LANE, LANES).unroll(TWO)
    z.dim(0).set_bounds(0, 2).set_stride(1)
    z.dim(1).set_bounds(0, LANES).set_stride(2)
    return out, [z, bounds, present, side]
