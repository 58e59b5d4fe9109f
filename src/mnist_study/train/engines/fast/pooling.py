"""Pooling by maximum over 2x2, and the kernel that only applies a chain."""

import functools
from collections.abc import Iterator
from functools import partial

import halide as hl

from mnist_study.train.engines.fast.chain import Chain, Settings
from mnist_study.train.engines.fast.kernel import BLOCK, CHANNEL, COLUMN, LANE, ROW, compiled, planes_parameter, rounded
from mnist_study.train.engines.fast.layout import LANES, Call, Planes

WINDOW = [(0, 0), (1, 0), (0, 1), (1, 1)]  # (column, row) in the order in which PyTorch looks for the maximum


def _window(planes: hl.ImageParam, chain: Chain) -> list[hl.Expr]:
    return [chain.forward(planes, [LANE, 2 * COLUMN + right, 2 * ROW + down, CHANNEL, BLOCK]) for right, down in WINDOW]


@functools.cache
def pool(precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = the greatest of each 2x2 of chain(planes); an odd last row or column is left out."""
    planes, chain, out = planes_parameter("planes", precision), Chain(with_dropout), hl.Func("out")
    first, second, third, fourth = _window(planes, chain)
    greatest = hl.max(hl.max(first, second), hl.max(third, fourth))
    out[LANE, COLUMN, ROW, CHANNEL, BLOCK] = rounded(greatest, precision)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    return compiled(out, [planes, chain.rows, chain.dropout])


@functools.cache
def pool_backward(precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = the gradient of chain(planes), which goes to the first greatest of each 2x2.

    Arguments: planes, the chain's, gradient of the pooled, out.
    """
    planes, gradient = planes_parameter("planes", precision), planes_parameter("gradient", precision)
    chain = Chain(with_dropout)
    first, second, third, fourth = _window(planes, chain)
    greatest = hl.max(hl.max(first, second), hl.max(third, fourth))
    winner, out = hl.Func("winner"), hl.Func("out")
    winner[LANE, COLUMN, ROW, CHANNEL, BLOCK] = hl.select(
        first == greatest, 0, hl.select(second == greatest, 1, hl.select(third == greatest, 2, 3))
    )
    columns, rows = gradient.dim(1).extent(), gradient.dim(2).extent()
    column, row = hl.min(COLUMN // 2, columns - 1), hl.min(ROW // 2, rows - 1)
    won = winner[LANE, column, row, CHANNEL, BLOCK] == (ROW % 2) * 2 + COLUMN % 2
    inside = (columns > COLUMN // 2) & (rows > ROW // 2)
    theirs = gradient[LANE, column, row, CHANNEL, BLOCK]
    out[LANE, COLUMN, ROW, CHANNEL, BLOCK] = hl.select(won & inside, theirs, hl.cast(theirs.type(), 0))
    left, right, top, down = (hl.Var(name) for name in ("left", "right", "top", "down"))
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    out.split(COLUMN, left, right, 2, hl.TailStrategy.GuardWithIf).split(ROW, top, down, 2, hl.TailStrategy.GuardWithIf)
    out.reorder(LANE, right, down, left, top, CHANNEL, BLOCK).unroll(right).unroll(down)
    winner.compute_at(out, left).bound_extent(COLUMN, 1).bound_extent(ROW, 1).vectorize(LANE, LANES)
    return compiled(out, [planes, chain.rows, chain.dropout, gradient])


@functools.cache
def apply(precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = chain(planes)."""
    planes, chain = planes_parameter("planes", precision), Chain(with_dropout)
    at, out = [LANE, COLUMN, ROW, CHANNEL, BLOCK], hl.Func("out")
    out[LANE, COLUMN, ROW, CHANNEL, BLOCK] = rounded(chain.forward(planes, at), precision)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    return compiled(out, [planes, chain.rows, chain.dropout])


def applied(values: Planes, settings: Settings, out: Planes, images: int) -> Iterator[Call]:
    """Give the call of `apply`."""
    kernel = apply(values.precision, with_dropout=settings.drops)
    yield partial(kernel, values.first(images), *settings.buffers, out.first(images))


@functools.cache
def apply_backward(precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile: out = the gradient of planes, given that of chain(planes).

    Arguments: planes, the chain's, gradient, out; the last two may be the same.
    """
    planes, gradient = planes_parameter("planes", precision), planes_parameter("gradient", precision)
    chain = Chain(with_dropout)
    at, out = [LANE, COLUMN, ROW, CHANNEL, BLOCK], hl.Func("out")
    out[LANE, COLUMN, ROW, CHANNEL, BLOCK] = rounded(chain.backward(gradient[at], planes, at), precision)
    out.bound(LANE, 0, LANES).vectorize(LANE, LANES)
    return compiled(out, [planes, chain.rows, chain.dropout, gradient])
