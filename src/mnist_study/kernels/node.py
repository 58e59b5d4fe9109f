"""A cell of a network with its memory, and the kernel calls of its forward and backward pass."""

import numpy as np
from torch import Tensor, nn

from mnist_study.core.arithmetic.chain import SHARES, dropped_shares
from mnist_study.core.arithmetic.fixed_point import GRADIENT, VALUE
from mnist_study.core.arithmetic.network import Cell
from mnist_study.kernels import chain, convolution, norm, weights
from mnist_study.kernels.buffer import Buffer
from mnist_study.kernels.kernel import LANES
from mnist_study.kernels.planes import Numbers, Pairs, Planes, stored

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
        self.weight, self.kernel, self.wide = memory(layer.weight), convolution.filters(turned=turned), False
        self.q = Numbers((summed + 1) // 2, size, size, stored(channels), 2, kind=np.int16)
        self.units, self.magnitudes = Numbers(stored(channels)), Numbers(stored(channels), kind=np.int32)
        self.bits = GRADIENT if turned else VALUE

    def prepare(self) -> None:
        """Round the weights."""
        self.kernel(self.weight, self.size, self.q.buffer, self.units.buffer, self.magnitudes.buffer)
        self.wide = int(self.magnitudes.array.max()) * (2 ** (self.bits - 1) - 1) > LARGEST_SUM

    def convolve(
        self, pairs: Pairs, bounds: Buffer, bias: Buffer, floor: float, out: Planes, *, statistics: bool
    ) -> None:
        """Convolve pairs, whose images' magnitudes have these bounds."""
        kernel = convolution.convolution(self.size, statistics=statistics, wide=self.wide)
        kernel(pairs.buffer, bounds, self.bits, self.q.buffer, self.units.buffer, bias, floor, out.side, out.buffer)


class Bounds:
    """The largest magnitudes of images, float32 [blocks][16], one after another for the cells of a network."""

    def __init__(self, cells: int, blocks: int) -> None:
        self.array = np.zeros((cells, blocks, LANES), np.float32)
        self.buffers = [Buffer(part) for part in self.array]


class Source:
    """What a convolution's input is made of: planes and the chain behind them; for the first one, the pixels."""

    def __init__(self, planes: Planes, blocks: int, *, last_floor: float, dropped: int, pool: bool) -> None:
        size = stored(planes.channels)
        self.planes, self.last_floor, self.dropped, self.pool = planes, last_floor, dropped, pool
        self.scale, self.shift = Numbers(size), Numbers(size)
        self.keys = [Numbers(blocks, LANES, kind=np.uint32) for _ in range(2)]

    def arguments(self) -> list[object]:
        """Give the chain's arguments of a kernel."""
        keys = [key.buffer for key in self.keys]
        return [*self.planes.arguments, self.scale.buffer, self.shift.buffer, self.last_floor, *keys, self.dropped]

    def fill(self, pairs: Pairs, bounds: Buffer, *, training: bool) -> None:
        """Go through the chain."""
        kernel = chain.values(drops=self.dropped > 0 and training, pools=self.pool)
        kernel(*self.arguments(), bounds, pairs.inner_buffer)


class Node:
    """A cell's memory for so many blocks of images of `side`."""

    def __init__(self, cell: Cell, side: int, blocks: int) -> None:
        layer = cell.convolution
        size, padding, channels = layer.kernel_size[0], int(layer.padding[0]), layer.out_channels
        self.cell, self.layer, self.channels = cell, layer, channels
        self.side = side + 2 * padding - size + 1
        self.pooled_side = self.side // 2 if cell.pool else self.side
        self.x = Pairs(blocks, layer.in_channels, side, padding)
        self.q = Planes(blocks, channels, self.side)
        dropped = dropped_shares(cell.dropout) if cell.dropout > 0 else 0
        self.factor = SHARES / (SHARES - dropped)
        floor = 0.0 if cell.last_relu else NO_FLOOR
        self.result = Source(self.q, blocks, last_floor=floor, dropped=dropped, pool=cell.pool)
        self.first_floor = 0.0 if cell.first_relu else NO_FLOOR
        self.bias = Numbers(stored(channels))
        self.wide = [Numbers(channels, kind=np.float64) for _ in range(3)]  # mean, inverse, scale
        self.norm = []
        if cell.norm is not None:
            norm_ = cell.norm
            self.norm = [memory(t) for t in (norm_.running_mean, norm_.running_var, norm_.weight, norm_.bias)]
        self.chain = [numbers.first(channels) for numbers in (self.result.scale, self.result.shift)]

    def forward(
        self, source: Source, filters: Filters, bounds: list[Buffer], present: Numbers, *, training: bool
    ) -> None:
        """Convolve what the source gives and set the coefficients of the chain; `bounds` are before and after."""
        source.fill(self.x, bounds[0], training=training)
        if self.layer.bias is not None:
            self.bias.array[: self.channels] = self.layer.bias.detach().numpy()
        statistics = training and bool(self.norm)
        filters.convolve(self.x, bounds[0], self.bias.buffer, self.first_floor, self.q, statistics=statistics)
        self._set_chain(present, training=training)
        scale, shift = self.result.scale.buffer, self.result.shift.buffer
        norm.bounds()(self.q.buffer, self.side, scale, shift, self.result.last_floor, bounds[1])

    def _set_chain(self, present: Numbers, *, training: bool) -> None:
        factor = self.factor if training else 1.0
        results = [*(numbers.buffer for numbers in self.wide), *self.chain]
        if not self.norm:
            self.result.scale.array[: self.channels] = factor
        elif training:
            count = float(present.array.sum()) * self.side**2
            norm.batch()(self.q.buffer, self.side, present.buffer, count, factor, *self.norm, *results, *self.norm[:2])
        else:
            norm.running()(factor, *self.norm, *results)


class BackwardNode:
    """The memory of a cell's backward pass. `gradient` is that of what the cell gives."""

    def __init__(self, node: Node, blocks: int) -> None:
        channels, size, padding = node.channels, node.layer.kernel_size[0], node.x.border
        self.node = node
        self.gradient = Planes(blocks, channels, node.pooled_side)
        self.sums = [Numbers(blocks, channels, LANES, kind=np.int32).buffer for _ in range(3)]
        self.z = Pairs(blocks, channels, node.side, size - 1 - padding)
        self.coefficients = [Numbers(stored(channels)) for _ in range(3)]  # of the gradient, of the value, constant
        self.coefficients[0].array[:channels] = node.factor
        self.norm_gradients = [Numbers(channels, kind=np.float64) for _ in range(2)]
        self.weight = Numbers(blocks, *node.layer.weight.shape, kind=np.float64)
        self.bias, self.grid = Numbers(channels, kind=np.float64), Numbers(size, kind=np.float64)
        self.results = [numbers.buffer for numbers in self.norm_gradients]
        self.results += [numbers.first(channels) for numbers in self.coefficients]

    def backward(self, bounds: Buffer, own_bounds: Buffer, present: Numbers) -> dict[Tensor, np.ndarray]:
        """Compute the gradient before the chain, in `z`, whose bounds it sets, and those of the parameters."""
        node, gradients = self.node, {}
        cell, side = node.cell, node.side
        kinds = {"drops": node.result.dropped > 0, "pools": cell.pool}
        planes = [*node.result.arguments(), *self.gradient.arguments]
        if cell.norm is not None:
            count = float(present.array.sum()) * side**2
            chain.sums(**kinds)(*planes, *self.sums)
            units = [*self.gradient.arguments[1:], node.q.buffer, side]
            wide = [numbers.buffer for numbers in node.wide]
            norm.backward()(*self.sums, *units, present.buffer, count, node.factor, *wide, *self.results)
            parameters = cell.norm.weight, cell.norm.bias
            gradients |= {p: numbers.array for p, numbers in zip(parameters, self.norm_gradients, strict=True)}
        coefficients = [numbers.buffer for numbers in self.coefficients]
        floor = 0 if cell.first_relu else -(2**15)
        norm.backward_bounds()(*self.gradient.arguments[1:], node.q.buffer, side, *coefficients, floor, own_bounds)
        chain.gradients(**kinds)(*planes, *coefficients, floor, own_bounds, self.z.inner_buffer)
        gradients[node.layer.weight] = self._weight(bounds, own_bounds, present)
        if node.layer.bias is not None:
            weights.bias()(self.z.inner_buffer, own_bounds, present.buffer, side, self.bias.buffer)
            gradients[node.layer.bias] = self.bias.array
        return gradients

    def _weight(self, bounds: Buffer, own_bounds: Buffer, present: Numbers) -> np.ndarray:
        side = self.node.side
        rows = max(1, min(weights.PRODUCTS // (2 * ((side + 1) // 2)), side))
        arguments = [self.node.x.buffer, self.z.inner_buffer, bounds, own_bounds, present.buffer]
        kernel = weights.filters(self.node.layer.kernel_size[0])
        kernel(*arguments, side, rows, -(-side // rows), self.weight.buffer, self.grid.buffer)
        return self.weight.array.sum(0) * self.grid.array[0]
