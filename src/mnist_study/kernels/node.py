"""A cell of a network with its memory, and the kernel calls of its forward and backward pass."""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor, nn

from mnist_study.core.arithmetic.chain import SHARES, dropped_shares, value_count
from mnist_study.core.arithmetic.fixed_point import GRADIENT, VALUE
from mnist_study.core.arithmetic.network import Cell
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.kernels import chain, chain_backward, convolution, norm, weights
from mnist_study.kernels.buffer import Buffer, bind
from mnist_study.kernels.kernel import LANES
from mnist_study.kernels.planes import Batch, Numbers, Pairs, Planes, stored, zeros

Call = Callable[[], object]  # of a kernel
NO_FLOOR = float(np.finfo(np.float32).min)
LARGEST_SUM = 2**31 - 1


def memory(parameter: Tensor | None) -> Buffer:
    """Give a tensor's own memory to a kernel."""
    assert parameter is not None
    return Buffer(parameter.detach().numpy())


class Filters:
    """A convolution's filters, rounded forward or turned; `wide` tells that a sum might not fit into 32 bits."""

    def __init__(self, layer: nn.Conv2d, *, turned: bool) -> None:
        summed, channels = layer.in_channels, layer.out_channels
        if turned:
            summed, channels = channels, summed
        size = self.size = layer.kernel_size[0]
        self.wide, self.bits = False, GRADIENT if turned else VALUE
        self.q = Numbers((summed + 1) // 2, size, size, stored(channels), 2, kind=np.int16)
        self.units, self.magnitudes = Numbers(stored(channels)), Numbers(stored(channels), kind=np.int32)
        results = [numbers.buffer for numbers in (self.q, self.units, self.magnitudes)]
        self._round = bind(convolution.filters(turned=turned), memory(layer.weight), size, *results)

    def prepare(self) -> None:
        """Round the weights."""
        self._round()
        self.wide = int(self.magnitudes.array.max()) * (2 ** (self.bits - 1) - 1) > LARGEST_SUM

    def convolution(
        self, pairs: Pairs, bounds: Buffer, bias: Buffer, floor: float, out: Planes, *, statistics: bool
    ) -> Call:
        """Give the convolution of pairs, whose images' magnitudes have these bounds."""
        given = [pairs.buffer, bounds, self.bits, self.q.buffer, self.units.buffer, bias, floor, out.side, out.buffer]

        @functools.cache
        def call(*, wide: bool) -> Call:
            return bind(convolution.convolution(self.size, statistics=statistics, wide=wide), *given)

        return lambda: call(wide=self.wide)()


class Bounds:
    """The largest magnitudes of images, float32 [blocks][16], one after another for the cells of a network."""

    def __init__(self, cells: int, blocks: int) -> None:
        self.array = zeros((cells, blocks, LANES), np.float32)
        self.buffers = [Buffer(part) for part in self.array]


class Source:
    """What a convolution's input is made of: planes and the chain behind them; for the first one, the pixels."""

    def __init__(self, planes: Planes, batch: Batch, *, relu: bool, dropped: int, pool: bool) -> None:
        size = stored(planes.channels)
        self.planes, self.relu, self.dropped, self.pool = planes, relu, dropped, pool
        self.side = planes.side // 2 if pool else planes.side
        self.scale, self.shift, self.stream = Numbers(size), Numbers(size), Numbers(2, kind=np.uint32)
        self.ends = [self.scale.buffer, self.shift.buffer]
        dropout = [self.stream.buffer, batch.numbers.buffer, dropped]
        self.arguments = [*planes.arguments, *self.ends, *dropout]  # of a kernel, for the chain

    def kinds(self, *, training: bool) -> dict[str, bool]:
        """Tell what is in the chain."""
        return {"relu": self.relu, "drops": training and self.dropped > 0, "pools": self.pool}


class Node:
    """A cell's memory for a batch; `bounds` are those of what it takes and of what it gives."""

    def __init__(self, cell: Cell, source: Source, filters: Filters, bounds: list[Buffer], batch: Batch) -> None:
        layer = cell.convolution
        size, padding, channels = layer.kernel_size[0], int(layer.padding[0]), layer.out_channels
        self.cell, self.layer, self.channels = cell, layer, channels
        self.source, self.filters, self.bounds, self.batch = source, filters, bounds, batch
        self.side = source.side + 2 * padding - size + 1
        self.x = Pairs(batch.blocks, layer.in_channels, source.side, padding)
        self.q = Planes(batch.blocks, channels, self.side)
        dropped = dropped_shares(cell.dropout) if cell.dropout > 0 else 0
        self.factor = SHARES / (SHARES - dropped)
        self.result = Source(self.q, batch, relu=cell.last_relu, dropped=dropped, pool=cell.pool)
        self.first_floor, self.last_floor = (0.0 if relu else NO_FLOOR for relu in (cell.first_relu, cell.last_relu))
        self.bias = Numbers(stored(channels))
        self.wide = [Numbers(channels, kind=np.float64) for _ in range(3)]  # mean, inverse, scale
        self.norm, self.batches = [], None
        if cell.norm is not None:
            norm_ = cell.norm
            self.norm = [memory(t) for t in (norm_.running_mean, norm_.running_var, norm_.weight, norm_.bias)]
            assert norm_.num_batches_tracked is not None
            self.batches = norm_.num_batches_tracked.numpy()  # by numpy an addition costs a third
        self.coefficients = [numbers.buffer for numbers in self.wide]
        self.coefficients += [numbers.first(channels) for numbers in (self.result.scale, self.result.shift)]

    def begin(self, images: int, stream: Key) -> None:
        """Prepare for a batch of training; raises UserError where `value_count` does."""
        if self.result.dropped:
            self.result.stream.array[:] = [int(word) for word in stream]
        if self.batches is not None:
            value_count(images, self.side, self.side)
            self.batches += 1

    def forward(self, *, training: bool) -> list[Call]:
        """Convolve what the source gives and set the coefficients of the chain, call by call."""
        values = chain.values(**self.source.kinds(training=training))
        calls: list[Call] = [bind(values, *self.source.arguments, self.bounds[0], self.x.inner_words)]
        if (bias := self.layer.bias) is not None:
            calls.append(partial(np.copyto, self.bias.array[: self.channels], bias.detach().numpy()))
        given = self.x, self.bounds[0], self.bias.buffer, self.first_floor, self.q
        calls.append(self.filters.convolution(*given, statistics=training and bool(self.norm)))
        calls.append(self._set_chain(training=training))
        bounds = [self.q.buffer, self.side, *self.result.ends, self.last_floor, self.bounds[1]]
        return [*calls, bind(norm.bounds(), *bounds)]

    def _set_chain(self, *, training: bool) -> Call:
        factor = self.factor if training else 1.0
        if not self.norm:
            return partial(self.result.scale.array[: self.channels].fill, factor)
        if not training:
            return bind(norm.running(), factor, *self.norm, *self.coefficients)
        planes = [self.q.buffer, self.side, self.batch.present.buffer, self.batch.count.buffer]
        return bind(norm.batch(), *planes, factor, *self.norm, *self.coefficients, *self.norm[:2])


class BackwardNode:
    """The memory of a cell's backward pass. `gradient` is that of what the cell gives; `bounds` are those of `z`.

    `before` is the cell before it and `filters` its own ones, turned; the first cell has none.
    """

    def __init__(self, node: Node, bounds: Buffer, before: "BackwardNode | None", filters: Filters | None) -> None:
        channels, size, blocks = node.channels, node.layer.kernel_size[0], node.batch.blocks
        self.node, self.bounds, self.before, self.filters = node, bounds, before, filters
        self.nothing = Numbers(stored(node.layer.in_channels)).buffer
        self.gradient = Planes(blocks, channels, node.result.side)
        self.sums = [Numbers(blocks, channels, LANES, kind=np.int32).buffer for _ in range(3)]
        self.z = Pairs(blocks, channels, node.side, size - 1 - node.x.border)
        coefficients = [Numbers(stored(channels)) for _ in range(3)]  # of the gradient, of the value, constant
        coefficients[0].array[:channels] = node.factor
        self.coefficients = [numbers.buffer for numbers in coefficients]
        self.of_norm = [Numbers(channels, kind=np.float64) for _ in range(2)]
        self.norm_results = [numbers.buffer for numbers in self.of_norm]
        self.norm_results += [numbers.first(channels) for numbers in coefficients]
        rows = max(1, min(weights.PRODUCTS // (2 * ((node.side + 1) // 2)), node.side))
        self.rows = [rows, -(-node.side // rows)]  # summed up in 32 bits, groups of them
        self.weight, self.bias = Numbers(*node.layer.weight.shape, kind=np.float64), Numbers(channels, kind=np.float64)

    def gradients(self) -> dict[Tensor, Numbers]:
        """Give the memory of the parameters' gradients."""
        cell, layer = self.node.cell, self.node.layer
        named: dict[Tensor, Numbers] = {layer.weight: self.weight}
        if layer.bias is not None:
            named[layer.bias] = self.bias
        if cell.norm is not None:
            named |= {cell.norm.weight: self.of_norm[0], cell.norm.bias: self.of_norm[1]}
        return named

    def backward(self) -> list[Call]:
        """Compute the gradients before the chain, in `z`, of the parameters, and of what the cell before it gives."""
        node, side, present = self.node, self.node.side, self.node.batch.present.buffer
        kinds = node.result.kinds(training=True)
        calls: list[Call] = []
        planes = [*node.result.arguments, *self.gradient.arguments]
        units = [*self.gradient.arguments[1:], node.q.buffer, side]
        if node.norm:
            calls.append(bind(chain_backward.sums(**kinds), *planes, *self.sums))
            given = [*self.sums, *units, present, node.batch.count.buffer, node.factor, *node.coefficients[:3]]
            calls.append(bind(norm.backward(), *given, *self.norm_results))
        floor = 0 if node.cell.first_relu else -(2**15)
        calls.append(bind(norm.backward_bounds(), *units, *self.coefficients, floor, self.bounds))
        gradients = chain_backward.gradients(first_relu=node.cell.first_relu, **kinds)
        calls.append(bind(gradients, *planes, *self.coefficients, self.bounds, self.z.inner_words))
        given = [self.z.inner_buffer, node.bounds[0], self.bounds, present, side, *self.rows]
        filters = weights.filters(node.layer.kernel_size[0])
        calls.append(bind(filters, node.x.buffer, *given, self.weight.buffer))
        if node.layer.bias is not None:
            given = [self.z.inner_buffer, self.bounds, present, side]
            calls.append(bind(weights.bias(), *given, self.bias.buffer))
        if self.before is not None and self.filters is not None:
            given = self.z, self.bounds, self.nothing, NO_FLOOR, self.before.gradient
            calls.append(self.filters.convolution(*given, statistics=False))
        return calls
