"""One cell of the network with its memory. It gives the calls of kernels for a batch; `engine` goes through them."""

from collections.abc import Iterator
from functools import partial

from torch import nn

from mnist_study.train.engines.fast import batch_norm, chain, pooling
from mnist_study.train.engines.fast.chain import FLOOR, LAST_FLOOR
from mnist_study.train.engines.fast.filters import Filters
from mnist_study.train.engines.fast.layout import Call, Planes, stored
from mnist_study.train.engines.fast.network import Cell


class Node:
    """What a cell's source gives is in `values`, the gradient of its chain's result in `gradient`."""

    def __init__(
        self, cell: Cell, before: "Node | None", images: int, channels: int, side: int, precision: str
    ) -> None:
        self.cell, self.before, self.channels, self.precision = cell, before, channels, precision
        self.values = Planes(images, stored(channels), side, precision)
        copies = cell.source is None and before is not None
        self.gradient = before.gradient if before and copies else Planes(images, stored(channels), side, precision)
        self.chain = chain.Settings(stored(channels), cell.dropout)
        if cell.first_relu:
            self.chain.rows[:, FLOOR] = 0.0
        if cell.last_relu:
            self.chain.rows[:, LAST_FLOOR] = 0.0
        self.sums = batch_norm.Sums(stored(channels))
        self.norm = self._norm(cell)
        self.filters = Filters(cell.source) if isinstance(cell.source, nn.Conv2d) else None

    @classmethod
    def after(cls, before: "Node", cell: Cell, images: int) -> "Node":
        """Make the node of the next cell, with the channels and the side that its source gives."""
        channels, side = before.channels, before.values.side
        if isinstance(cell.source, nn.Conv2d):
            channels = cell.source.out_channels
            side += 2 * int(cell.source.padding[0]) - cell.source.kernel_size[0] + 1
        elif isinstance(cell.source, nn.MaxPool2d):
            side //= 2
        return cls(cell, before, images, channels, side, before.precision)

    def _norm(self, cell: Cell) -> batch_norm.Norm | None:
        return batch_norm.Norm(cell.norm, self.chain.rows, self.sums) if cell.norm else None

    @property
    def learns(self) -> bool:
        """Tell whether a gradient is of use here: not before the first weights."""
        return self.before is not None or self.norm is not None

    def forward(self, cell: Cell, images: int, *, training: bool) -> Iterator[Call]:
        """Fill `values` from the node before and set the norm; `cell` holds the weights, ours or an equal network's."""
        before, out = self.before, self.values.first(images)
        if before is not None and isinstance(cell.source, nn.Conv2d):
            assert self.filters is not None
            yield from self.filters.forward(cell.source, before.values, before.chain, self.values, images)
        elif before is not None:
            compile_ = pooling.apply if cell.source is None else pooling.pool
            kernel = compile_(self.precision, with_dropout=before.chain.drops)
            yield partial(kernel, before.values.first(images), *before.chain.buffers, out)
        if self.norm is not None and training:
            yield partial(batch_norm.statistics(self.precision), out, *self.chain.buffers, *self.sums.buffers)
            yield partial(self.norm.forward, images * self.values.side**2)
        elif norm := self._norm(cell):
            yield norm.evaluate

    def backward(self, images: int, *, adds: bool) -> Iterator[Call]:
        """Turn `gradient` into that of `values` in place, set the weights' gradients, and fill the one before.

        `adds` tells that a node after this one has the same convolution, and has set its gradients.
        """
        values, gradient, before = self.values.first(images), self.gradient.first(images), self.before
        if self.norm is not None:
            kernel = batch_norm.gradient_statistics(self.precision, with_dropout=self.chain.drops)
            yield partial(kernel, values, *self.chain.buffers, gradient, *self.sums.buffers)
            yield partial(self.norm.backward, images * self.values.side**2)
        kernel = pooling.apply_backward(self.precision, with_dropout=self.chain.drops)
        yield partial(kernel, values, *self.chain.buffers, gradient, gradient)
        if before is not None and self.filters is not None:
            yield from self.filters.weight_gradients(before.values, before.chain, self.gradient, images, adds=adds)
            if before.learns:
                yield from self.filters.backward(self.gradient, before.gradient, images)
        elif before is not None and self.cell.source is not None:
            kernel = pooling.pool_backward(self.precision, with_dropout=before.chain.drops)
            out = before.gradient.first(images)
            yield partial(kernel, before.values.first(images), *before.chain.buffers, gradient, out)
