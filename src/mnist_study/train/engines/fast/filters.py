"""A convolution's weights, arranged for the kernels, and the calls of these kernels."""

from collections.abc import Iterator
from functools import partial

import halide as hl
import numpy as np
from torch import nn

from mnist_study.train.engines.fast import batch_norm, chain, convolution, winograd
from mnist_study.train.engines.fast.layout import PAIRED, Call, Planes, gradient_of, stored


class Filters:
    """The filters of one convolution, for the forward pass, and turned for the backward pass."""

    def __init__(self, source: nn.Conv2d) -> None:
        self.source, self.size, self.padding = source, source.kernel_size[0], int(source.padding[0])
        inward, outward = source.in_channels, source.out_channels
        self.bias = np.zeros(stored(outward), np.float32)
        self.bias_buffer, self.no_bias = hl.Buffer(self.bias), hl.Buffer(np.zeros(stored(inward), np.float32))
        self.no_chain = chain.Settings(stored(outward))
        self.sums = batch_norm.Sums(stored(outward))

    def forward(
        self, source: nn.Conv2d, planes: Planes, chained: chain.Settings, out: Planes, images: int
    ) -> Iterator[Call]:
        """Convolve chain(planes) by the weights of `source`, our own or an equal network's."""
        if source.bias is not None:
            yield partial(np.copyto, self.bias[: source.out_channels], source.bias.detach().numpy())
        weights = source.weight.detach().numpy()
        yield from self._convolve(weights, planes, chained, self.padding, self.bias_buffer, out, images)

    def backward(self, gradient: Planes, out: Planes, images: int) -> Iterator[Call]:
        """Give the gradient of what was convolved: a convolution by the turned filters, in and out exchanged."""
        turned = self.source.weight.detach().numpy()[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        padding = self.size - 1 - self.padding
        yield from self._convolve(turned, gradient, self.no_chain, padding, self.no_bias, out, images)

    def _convolve(
        self,
        weights: np.ndarray,
        planes: Planes,
        chained: chain.Settings,
        padding: int,
        bias: hl.Buffer,
        out: Planes,
        images: int,
    ) -> Iterator[Call]:
        """Arrange weights [out][in][row][column], then convolve: in float32 by Winograd's tiles where they fit."""
        size, precision, drops = self.size, planes.precision, chained.drops
        outward, inward = stored(weights.shape[0]), weights.shape[1]
        if precision == "fp32" and size == 3 and (m := winograd.tile(out.side)):
            arranged = np.zeros((m + 2, m + 2, inward, outward), np.float32)
            arrange, kernel = winograd.filters(m), winograd.convolution(m, with_dropout=drops)
        else:
            paired = PAIRED[precision]
            arranged = np.zeros((-(-inward // paired), size, size, outward, paired), planes.array.dtype)
            arrange = convolution.filters(precision)
            kernel = convolution.convolution(size, precision, with_dropout=drops)
        filters = hl.Buffer(arranged)
        yield partial(arrange, hl.Buffer(weights), filters)
        seen = self._seen(planes, images), self._seen(out, images)
        yield partial(kernel, seen[0], *chained.buffers, padding, filters, bias, seen[1])

    def weight_gradients(
        self, planes: Planes, chained: chain.Settings, gradient: Planes, images: int, *, adds: bool
    ) -> Iterator[Call]:
        """Set the gradients of weight and bias, or add to what a later use of the same layer has set."""
        kernel = convolution.weight_gradient(self.size, planes.precision, with_dropout=chained.drops)
        seen = self._seen(planes, images), self._seen(gradient, images)
        total = gradient_of(self.source.weight)
        own = np.empty_like(total) if adds else total
        yield partial(kernel, seen[0], *chained.buffers, self.padding, seen[1], hl.Buffer(own))
        if adds:
            yield partial(np.add, total, own, total)
        if self.source.bias is not None:
            kernel, sums = batch_norm.statistics(gradient.precision), self.sums
            yield partial(kernel, gradient.first(images), *self.no_chain.buffers, *sums.buffers)
            total, own = gradient_of(self.source.bias), sums.first[: self.source.out_channels]
            if adds:
                yield partial(np.add, total, own, total, casting="same_kind")
            else:
                yield partial(np.copyto, total, own, "same_kind")

    def _seen(self, planes: Planes, images: int) -> hl.Buffer:
        """Give the planes to a kernel; to one of 1x1 filters each image as one long row."""
        return planes.in_a_row(images) if self.size == 1 else planes.first(images)
