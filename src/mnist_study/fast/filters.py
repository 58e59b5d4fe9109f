"""A convolution's weights, arranged for the kernels, and the calls of these kernels."""

from collections.abc import Iterator
from functools import partial

import halide as hl
import numpy as np
from torch import nn

from mnist_study.fast import batch_norm, chain, convolution
from mnist_study.fast.layout import Call, Planes, gradient_of, stored


class Filters:
    """The filters of one convolution, forward and turned for the way back."""

    def __init__(self, source: nn.Conv2d) -> None:
        self.source, self.size, self.padding = source, source.kernel_size[0], int(source.padding[0])
        inward, outward, size = source.in_channels, source.out_channels, self.size
        self.ahead = hl.Buffer(np.zeros((inward, size, size, stored(outward)), np.float32))
        self.turned = hl.Buffer(np.zeros((outward, size, size, stored(inward)), np.float32))
        self.bias = np.zeros(stored(outward), np.float32)
        self.bias_buffer, self.no_bias = hl.Buffer(self.bias), hl.Buffer(np.zeros(stored(inward), np.float32))
        self.no_chain = chain.Settings(stored(outward))
        self.sums = batch_norm.Sums(stored(outward))

    def forward(
        self, source: nn.Conv2d, planes: Planes, chained: chain.Settings, out: Planes, images: int
    ) -> Iterator[Call]:
        """Convolve chain(planes) by the weights of `source`, our own or an equal network's."""
        yield partial(convolution.arranged(turned=False), hl.Buffer(source.weight.detach().numpy()), self.ahead)
        if source.bias is not None:
            yield partial(np.copyto, self.bias[: source.out_channels], source.bias.detach().numpy())
        kernel = convolution.convolution(self.size, self._at_once(out), with_dropout=chained.drops)
        seen = self._seen(planes, images), self._seen(out, images)
        yield partial(kernel, seen[0], *chained.buffers, self.padding, self.ahead, self.bias_buffer, seen[1])

    def weight_gradients(
        self, planes: Planes, chained: chain.Settings, gradient: Planes, images: int
    ) -> Iterator[Call]:
        """Set the gradients of weight and bias."""
        kernel = convolution.weight_gradient(self.size, with_dropout=chained.drops)
        seen = self._seen(planes, images), self._seen(gradient, images)
        out = hl.Buffer(gradient_of(self.source.weight))
        yield partial(kernel, seen[0], *chained.buffers, self.padding, seen[1], out)
        if self.source.bias is not None:
            kernel, sums = batch_norm.statistics(), self.sums
            yield partial(kernel, gradient.first(images), *self.no_chain.buffers, *sums.buffers)
            yield partial(np.copyto, gradient_of(self.source.bias), sums.first[: self.source.out_channels], "same_kind")

    def backward(self, gradient: Planes, out: Planes, images: int) -> Iterator[Call]:
        """Give the gradient of what was convolved: a convolution by the turned filters, the planes' roles exchanged."""
        weights = hl.Buffer(self.source.weight.detach().numpy())
        yield partial(convolution.arranged(turned=True), weights, self.turned)
        kernel = convolution.convolution(self.size, self._at_once(out), with_dropout=False)
        seen, padding = (self._seen(gradient, images), self._seen(out, images)), self.size - 1 - self.padding
        yield partial(kernel, seen[0], *self.no_chain.buffers, padding, self.turned, self.no_bias, seen[1])

    def _at_once(self, out: Planes) -> int:
        columns = out.side**2 if self.size == 1 else out.side
        return convolution.COLUMNS_AT_ONCE if columns >= convolution.COLUMNS_AT_ONCE else 1

    def _seen(self, planes: Planes, images: int) -> hl.Buffer:
        """Give the planes to a kernel; to one of 1x1 filters each image as one long row."""
        return planes.in_a_row(images) if self.size == 1 else planes.first(images)
