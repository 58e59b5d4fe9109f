"""Convolution by 3x3 filters with a half to a quarter of the multiplications: Winograd's minimal filtering.

The result is computed in tiles of m x m from tiles of (m + 2) x (m + 2) of the input: Y = A' [(G w G') * (B' x B)] A,
where * multiplies number by number. B' and A' are cheap additions; the products are summed over the input's channels
before A' is applied. (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, whose matrices these
are; for m = 4 the points are 0, 1, -1, 2, -2.)
"""

import functools

import halide as hl
import numpy as np

from mnist_study.train.engines.fast.chain import Chain
from mnist_study.train.engines.fast.convolution import arranged, padded, weights_parameter
from mnist_study.train.engines.fast.kernel import (
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
)
from mnist_study.train.engines.fast.layout import CHANNELS_AT_ONCE, LANES

Matrix = list[list[float]]
INPUT: dict[int, Matrix] = {
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
}
FILTER: dict[int, Matrix] = {
    2: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    4: [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
}
OUTPUT: dict[int, Matrix] = {
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


def tile(side: int) -> int | None:
    """Give the m that divides a side, the greater the better, or None for odd sides."""
    return next((m for m in (4, 2) if side % m == 0), None)


def product(which: hl.Expr, matrix: Matrix, vector: list[hl.Expr]) -> hl.Expr:
    """Give one number of matrix times vector; zeros and ones cost nothing where `which` is unrolled."""
    rows = []
    for row in matrix:
        pairs = zip(row, vector, strict=True)
        terms = [number if factor == 1 else _f32(factor) * number for factor, number in pairs if factor]
        rows.append(functools.reduce(lambda total, term: total + term, terms))
    return hl.mux(which, rows)


def _f32(value: float) -> hl.Expr:
    return hl.f32(float(np.float32(value)))


@functools.cache
def filters(m: int) -> hl.Callable:
    """Compile G w G' of `convolution.arranged`. Arguments: weights, out [p][q][in][out]."""
    weights, matrix = weights_parameter(), hl.Buffer(np.array(FILTER[m], np.float32))
    plain, half, out = arranged(weights), hl.Func("half"), hl.Func("out")
    x, p, q, summed = hl.Var("x"), hl.Var("p"), hl.Var("q"), hl.Var("summed")
    first, second, third = (matrix[i, p] * plain[CHANNEL, x, i, summed] for i in range(3))
    half[CHANNEL, x, p, summed] = first + second + third
    first, second, third = (matrix[i, q] * half[CHANNEL, i, p, summed] for i in range(3))
    out[CHANNEL, summed, q, p] = first + second + third
    few = CHANNELS_AT_ONCE
    out.reorder(CHANNEL, q, p, summed).vectorize(CHANNEL, few)
    half.compute_at(out, summed).vectorize(CHANNEL, few)
    plain.compute_at(out, summed)
    return compiled(out, [weights])


@functools.cache
def convolution(m: int, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = bias + filters * padded(chain(planes)), for 3x3 filters and sides that are multiples of m.

    Arguments: planes, the chain's, padding, filters [p][q][in][out] as `filters` gives them, bias [out], out.
    """
    planes, chain = planes_parameter("planes", "fp32"), Chain(with_dropout)
    padding, taken = hl.Param(hl.Int(32), "padding"), hl.ImageParam(F32, 4, "filters")
    bias = hl.ImageParam(F32, 1, "bias")
    ready = padded(planes, chain, padding)
    p, q, x, y, i = (hl.Var(name) for name in ("p", "q", "x", "y", "i"))  # x and y count tiles
    rows, tiles, total, products, lines, out = (
        hl.Func(name) for name in ("rows", "tiles", "total", "products", "lines", "out")
    )
    width = range(m + 2)
    seen = [ready[LANE, COLUMN, m * y + j, CHANNEL, BLOCK] for j in width]
    rows[LANE, p, COLUMN, y, CHANNEL, BLOCK] = product(p, INPUT[m], seen)
    seen = [rows[LANE, p, m * x + j, y, CHANNEL, BLOCK] for j in width]
    tiles[LANE, q, p, x, y, CHANNEL, BLOCK] = product(q, INPUT[m], seen)
    source = hl.RDom([(0, taken.dim(1).extent())], "source")
    total[LANE, CHANNEL, q, p, x, y, BLOCK] = 0.0
    total[LANE, CHANNEL, q, p, x, y, BLOCK] += taken[CHANNEL, source.x, q, p] * tiles[LANE, q, p, x, y, source.x, BLOCK]
    products[LANE, CHANNEL, q, p, x, y, BLOCK] = total[LANE, CHANNEL, q, p, x, y, BLOCK]
    seen = [products[LANE, CHANNEL, q, j, x, y, BLOCK] for j in width]
    lines[LANE, q, i, CHANNEL, x, y, BLOCK] = product(i, OUTPUT[m], seen)
    seen = [lines[LANE, j, ROW % m, CHANNEL, COLUMN // m, ROW // m, BLOCK] for j in width]
    out[PLACE] = bias[CHANNEL] + product(COLUMN % m, OUTPUT[m], seen)

    many, few, right, left, down, top = (hl.Var(n) for n in ("channels", "few", "right", "tile", "down", "tile_row"))
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    out.split(COLUMN, left, right, m, hl.TailStrategy.RoundUp).split(ROW, top, down, m, hl.TailStrategy.RoundUp)
    out.split(CHANNEL, many, few, CHANNELS_AT_ONCE, hl.TailStrategy.RoundUp)
    out.reorder(LANE, right, down, few, many, left, top, BLOCK).unroll(right).unroll(down)
    lines.compute_at(out, few).reorder(LANE, i, q).vectorize(LANE, LANES).unroll(q).unroll(i)
    products.compute_at(out, many).reorder(LANE, CHANNEL, q, p)
    products.bound_extent(CHANNEL, CHANNELS_AT_ONCE).vectorize(LANE, LANES).unroll(CHANNEL)
    total.compute_at(products, q).vectorize(LANE, LANES).unroll(CHANNEL)
    total.update().reorder(LANE, CHANNEL, source.x).vectorize(LANE, LANES).unroll(CHANNEL)
    tiles.compute_at(out, left).reorder(LANE, q, p, CHANNEL).reorder_storage(LANE, CHANNEL, q, p, x, y, BLOCK)
    tiles.vectorize(LANE, LANES).unroll(q).unroll(p)
    rows.compute_at(tiles, CHANNEL).reorder(LANE, p, COLUMN).vectorize(LANE, LANES).unroll(p)
    ready.compute_at(out, BLOCK).vectorize(LANE, LANES)
    taken.dim(0).set_min(0).set_stride(1)
    lay_out(out.output_buffer())
    for dimension in (1, 2):
        side = out.output_buffer().dim(dimension)
        side.set_extent(side.extent() // m * m)
    return compiled(out, [planes, chain.rows, chain.dropout, padding, taken, bias])
