"""A whole network in kernels: a step forward and backward, and logits, to the bits of core/arithmetic/step.py."""

import numpy as np
import torch
from torch import Tensor

from mnist_study.core.arithmetic import head
from mnist_study.core.arithmetic.chain import value_count
from mnist_study.core.arithmetic.fixed_point import SMALLEST, STORED, bounded, exponent_of, rounded
from mnist_study.core.arithmetic.network import Network
from mnist_study.core.arithmetic.pixels import STEPS, WHITE, normalised
from mnist_study.core.arithmetic.random_words import Key, keys
from mnist_study.core.arithmetic.step import Result
from mnist_study.kernels import chain
from mnist_study.kernels.kernel import LANES
from mnist_study.kernels.node import NO_FLOOR, BackwardNode, Bounds, Filters, Node, Source
from mnist_study.kernels.planes import EXPONENT, HIGH, LOW, Numbers, Planes, stored


class Forward:
    """A network's memory for at most so many blocks of images, and its forward pass."""

    def __init__(self, network: Network, side: int, blocks: int, mean: float, sd: float) -> None:
        self.blocks = blocks
        self.present = Numbers(blocks, LANES, kind=np.float64)
        self.images = _images(side, blocks, mean, sd)
        self.nodes: list[Node] = []
        for cell in network.cells:
            self.nodes.append(Node(cell, side, blocks))
            side = self.nodes[-1].pooled_side
        self.last = self.nodes[-1]
        self.filters = {cell.convolution: Filters(cell.convolution, turned=False) for cell in network.cells}
        self.bounds = Bounds(len(self.nodes) + 1, blocks)
        self.bounds.array[0] = normalised(torch.tensor([[[0, WHITE]]]), mean, sd)[1]
        self.averages = Numbers(blocks, stored(self.last.channels), LANES)

    def averages_of(self, pixels: Tensor, *, training: bool) -> Tensor:
        """Give the averages of the last cell, float32 [N, C], of int64 pixels [N, side, side]."""
        count = len(pixels)
        self.present.array.reshape(-1)[:] = np.arange(self.blocks * LANES) < count
        _put(pixels, self.images.planes)
        for filters in self.filters.values():
            filters.prepare()
        source = self.images
        for number, node in enumerate(self.nodes):
            bounds = self.bounds.buffers[number : number + 2]
            node.forward(source, self.filters[node.layer], bounds, self.present, training=training)
            source = node.result
        kernel = chain.averages(drops=source.dropped > 0 and training, pools=source.pool)
        kernel(*source.arguments(), self.last.pooled_side, self.averages.buffer)
        averages = torch.from_numpy(self.averages.array[:, : self.last.channels]).transpose(1, 2)
        return averages.reshape(-1, self.last.channels)[:count].clone()


class Training:
    """A network's memory for training in batches of at most so many images."""

    def __init__(self, network: Network, side: int, images: int, mean: float, sd: float) -> None:
        blocks = -(-images // LANES)
        self.network, self.forward = network, Forward(network, side, blocks, mean, sd)
        self.nodes = [BackwardNode(node, blocks) for node in self.forward.nodes]
        self.filters = {cell.convolution: Filters(cell.convolution, turned=True) for cell in network.cells[1:]}
        self.bounds = Bounds(len(self.nodes), blocks)
        self.nothing = [Numbers(stored(node.channels)).buffer for node in self.forward.nodes]

    @torch.no_grad()
    def forward_backward(
        self, pixels: Tensor, labels: Tensor, numbers: Tensor, dropout: list[Key], smoothing: float
    ) -> Result:
        """As `step.forward_backward`, from int64 pixels [N, side, side]."""
        for node, stream in zip(self.forward.nodes, dropout, strict=True):
            if node.result.dropped:
                for key, words in zip(node.result.keys, keys(stream, numbers), strict=True):
                    key.array.reshape(-1)[: len(words)] = words.numpy()
            if node.cell.norm is not None and node.cell.norm.num_batches_tracked is not None:
                value_count(len(pixels), node.side, node.side)
                node.cell.norm.num_batches_tracked += 1
        averages = self.forward.averages_of(pixels, training=True)
        logits = head.logits(self.network.head, averages)
        losses, slope = head.loss_and_slope(logits.nan_to_num(0.0), labels, smoothing)
        gradient, gradients = head.backward(self.network.head, averages, slope)
        _spread(gradient, self.nodes[-1].gradient)
        for filters in self.filters.values():
            filters.prepare()
        for number in reversed(range(len(self.nodes))):
            for parameter, own in self._backward(number).items():
                wide = torch.from_numpy(own)
                gradients[parameter] = gradients[parameter] + wide if parameter in gradients else wide
        bounds = (torch.from_numpy(each.array) for each in (self.forward.bounds, self.bounds))
        met = [logits, *bounds, *gradients, *self.network.statistics()]
        return Result(losses, logits.argmax(1), gradients, ~bounded(met))

    def _backward(self, number: int) -> dict[Tensor, np.ndarray]:
        """Go back through a cell."""
        node, bounds, own_bounds = self.nodes[number], self.forward.bounds.buffers[number], self.bounds.buffers[number]
        gradients = node.backward(bounds, own_bounds, self.forward.present)
        if number > 0:
            before, filters, nothing = self.nodes[number - 1], self.filters[node.node.layer], self.nothing[number - 1]
            filters.convolve(node.z, own_bounds, nothing, NO_FLOOR, before.gradient, statistics=False)
        return gradients


class Scoring:
    """A network's memory for scoring so many images at once."""

    def __init__(self, network: Network, side: int, images: int, mean: float, sd: float) -> None:
        self.network, self.forward = network, Forward(network, side, -(-images // LANES), mean, sd)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Give float32 logits [N, classes] of uint8 images [N, side, side] in evaluation mode."""
        batches = images.split(self.forward.blocks * LANES)
        averages = [self.forward.averages_of(batch.long() * STEPS, training=False) for batch in batches]
        return head.logits(self.network.head, torch.cat(averages))


def _images(side: int, blocks: int, mean: float, sd: float) -> Source:
    """Give memory for pixels; normalisation is their chain."""
    source = Source(Planes(blocks, 1, side), blocks, last_floor=NO_FLOOR, dropped=0, pool=False)
    source.scale.array[0] = torch.tensor(1 / (WHITE * sd), dtype=torch.float32)
    source.shift.array[0] = torch.tensor(-mean / sd, dtype=torch.float32)
    for field, value in ((EXPONENT, STORED - 1), (LOW, 0), (HIGH, WHITE)):
        source.planes.field(field)[:] = value
    return source


def _put(pixels: Tensor, planes: Planes) -> None:
    """Store pixels [N, side, side]; images that are missing are black."""
    blocks, _, _, pairs, lanes, _ = planes.array.shape
    padded = np.zeros((blocks * lanes, planes.side, 2 * pairs), np.int16)
    padded[: len(pixels), :, : planes.side] = pixels.numpy()
    theirs = padded.reshape(blocks, lanes, planes.side, pairs, 2).transpose(0, 2, 3, 1, 4)
    planes.array[:, 0, : planes.side] = theirs


def _spread(gradient: Tensor, planes: Planes) -> None:
    """Store the gradient of the averages, float32 [N, C], at each place of the last cell."""
    count, channels = gradient.shape
    numbers = (gradient.double() / torch.tensor(float(planes.side**2), dtype=torch.float64)).float()
    exponents = exponent_of(numbers.abs())
    blocks = len(planes.array)

    def by_block(values: Tensor, missing: int) -> np.ndarray:
        whole = np.full((blocks * LANES, channels), missing, np.int16)
        whole[:count] = values.numpy()
        return whole.reshape(blocks, LANES, channels).transpose(0, 2, 1)

    integers = by_block(rounded(numbers, STORED, exponents), 0)
    planes.array[:, :channels, : planes.side] = integers[:, :, None, None, :, None]
    for field, values in ((EXPONENT, by_block(exponents, SMALLEST)), (LOW, integers), (HIGH, integers)):
        planes.field(field)[:] = values
