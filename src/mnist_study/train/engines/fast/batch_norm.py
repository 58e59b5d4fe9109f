"""Batch norm: two kernels that sum over a batch, and the arithmetic that turns sums into a chain's coefficients."""

import functools
from collections.abc import Callable

import halide as hl
import numpy as np
from torch import nn

from mnist_study.train.engines.fast.chain import CONSTANT, FROM_GRADIENT, FROM_VALUE, SCALE, SHIFT, Chain
from mnist_study.train.engines.fast.kernel import BLOCK, CHANNEL, LANE, ROW, compiled, planes_parameter
from mnist_study.train.engines.fast.layout import LANES, gradient_of

ROWS = 4  # summed at once, so that no addition waits for the one before


def _sums(planes: hl.ImageParam, terms: Callable[[list[hl.Expr]], tuple[hl.Expr, hl.Expr]]) -> hl.Func:
    """Sum two terms per channel: over each image in float32, over the images in float64."""
    by_row, by_image, out = hl.Func("by_row"), hl.Func("by_image"), hl.Func("out")
    columns = hl.RDom([(0, planes.dim(1).extent())], "columns")
    rows = hl.RDom([(0, planes.dim(2).extent())], "rows")
    images = hl.RDom([(0, LANES), (0, planes.dim(4).extent())], "images")
    first, second = terms([LANE, columns.x, hl.min(ROW, planes.dim(2).extent() - 1), CHANNEL, BLOCK])
    _accumulate(by_row, [LANE, ROW, CHANNEL, BLOCK], (first, second), hl.f32(0.0))
    row = by_row[LANE, rows.x, CHANNEL, BLOCK]
    _accumulate(by_image, [LANE, CHANNEL, BLOCK], (row[0], row[1]), hl.f32(0.0))
    image = by_image[images.x, CHANNEL, images.y]
    _accumulate(out, [CHANNEL], (hl.f64(image[0]), hl.f64(image[1])), hl.f64(0.0))

    several, row_of_several = hl.Var("several"), hl.Var("row_of_several")
    out.update().reorder(images.x, CHANNEL, images.y).unroll(images.x)
    by_image.compute_at(out, CHANNEL).vectorize(LANE, LANES).update().vectorize(LANE, LANES)
    by_row.compute_at(out, CHANNEL).align_bounds(ROW, ROWS).vectorize(LANE, LANES)
    sums = by_row.update().split(ROW, several, row_of_several, ROWS)
    sums.reorder(LANE, row_of_several, columns.x, several).vectorize(LANE, LANES).unroll(row_of_several)
    return out


def _accumulate(sums: hl.Func, at: list[hl.Var], terms: tuple[hl.Expr, hl.Expr], zero: hl.Expr) -> None:
    sums[at] = (zero, zero)
    sums[at] = (sums[at][0] + terms[0], sums[at][1] + terms[1])


@functools.cache
def statistics(precision: str) -> hl.Callable:
    """Compile the sums of x and of its square, x as in `Chain.first`. Arguments: planes, the chain's, out, out."""
    planes, chain = planes_parameter("planes", precision), Chain(with_dropout=False)

    def terms(at: list[hl.Expr]) -> tuple[hl.Expr, hl.Expr]:
        value = chain.first(planes[at], at[3])
        return value, value * value

    return compiled(_sums(planes, terms), [planes, chain.rows, chain.dropout])


@functools.cache
def gradient_statistics(precision: str, *, with_dropout: bool) -> hl.Callable:
    """Compile the sums of v's gradient and of its product with x.

    Arguments: planes, the chain's, gradient, out, out.
    """
    planes, gradient = planes_parameter("planes", precision), planes_parameter("gradient", precision)
    chain = Chain(with_dropout)

    def terms(at: list[hl.Expr]) -> tuple[hl.Expr, hl.Expr]:
        inner = chain.before_norm(gradient[at], planes, at)
        return inner, inner * chain.first(planes[at], at[3])

    return compiled(_sums(planes, terms), [planes, chain.rows, chain.dropout, gradient])


class Sums:
    """The two results of a summing kernel, per channel."""

    def __init__(self, channels: int) -> None:
        self.first, self.second = np.zeros(channels), np.zeros(channels)
        self.buffers = hl.Buffer(self.first), hl.Buffer(self.second)


class Norm:
    """One batch norm's arithmetic: from sums to the coefficients of its chain, and to its gradients.

    The arrays are views of the module's own tensors.
    """

    def __init__(self, module: nn.BatchNorm2d, rows: np.ndarray, sums: Sums) -> None:
        channels = module.num_features
        assert module.momentum is not None
        self.eps, self.momentum = module.eps, module.momentum
        self.weight, self.bias = module.weight.detach().numpy(), module.bias.detach().numpy()
        assert module.running_mean is not None
        assert module.running_var is not None
        assert module.num_batches_tracked is not None
        self.running_mean, self.running_variance = module.running_mean.numpy(), module.running_var.numpy()
        self.batches = module.num_batches_tracked.numpy()
        self.module, self.rows = module, rows[:channels]
        self.first, self.second = sums.first[:channels], sums.second[:channels]
        self.mean, self.inverse = np.zeros(channels), np.ones(channels)

    def forward(self, count: int) -> None:
        """Set scale and shift from the sums over `count` values; move the running statistics as PyTorch does."""
        self.mean = self.first / count
        variance = np.maximum(self.second / count - self.mean * self.mean, 0.0)
        self._set_affine(variance)
        self.running_mean += (self.momentum * (self.mean - self.running_mean)).astype(np.float32)
        unbiased = variance * (count / (count - 1))
        self.running_variance += (self.momentum * (unbiased - self.running_variance)).astype(np.float32)
        self.batches += 1

    def evaluate(self) -> None:
        """Set scale and shift from the running statistics."""
        self.mean = self.running_mean.astype(np.float64)
        self._set_affine(self.running_variance.astype(np.float64))

    def _set_affine(self, variance: np.ndarray) -> None:
        self.inverse = 1 / np.sqrt(variance + self.eps)
        scale = self.weight * self.inverse
        self.rows[:, SCALE] = scale
        self.rows[:, SHIFT] = self.bias - self.mean * scale

    def backward(self, count: int) -> None:
        """Set the gradients of weight and bias and the chain's backward coefficients.

        The sums are those of v's gradient and of its product with x. With m the mean, i the inverse deviation, N the
        count, s the scale and dw the weight's gradient, that of x is s * (g - sum g / N - (x - m) * i * dw / N).
        """
        weight_gradient = (self.second - self.mean * self.first) * self.inverse
        gradient_of(self.module.weight)[:] = weight_gradient
        gradient_of(self.module.bias)[:] = self.first
        scale = self.weight * self.inverse
        from_value = -scale * self.inverse * weight_gradient / count
        self.rows[:, FROM_GRADIENT] = scale
        self.rows[:, FROM_VALUE] = from_value
        self.rows[:, CONSTANT] = -scale * self.first / count - from_value * self.mean
