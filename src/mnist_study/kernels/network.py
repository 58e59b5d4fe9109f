"""A whole network in kernels: a step forward and backward, and logits, to the bits of core/arithmetic/step.py."""

import numpy as np
import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.fixed_point import LARGEST
from mnist_study.core.arithmetic.network import Network
from mnist_study.core.arithmetic.optimiser import Optimiser, move_average
from mnist_study.core.arithmetic.pixels import STEPS, WHITE, normalised
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.step import Result
from mnist_study.kernels import chain, head
from mnist_study.kernels.buffer import Buffer, bind
from mnist_study.kernels.descent import Average, Descent
from mnist_study.kernels.kernel import LANES
from mnist_study.kernels.node import BackwardNode, Bounds, Filters, Node, Source, memory
from mnist_study.kernels.pixels import pixel_source, put
from mnist_study.kernels.planes import Batch, Numbers, Planes, stored


class Head:
    """A network's end with its memory, behind what the last cell gives."""

    def __init__(self, layer: nn.Linear | None, source: Source, batch: Batch, *, training: bool) -> None:
        self.batch, channels = batch, source.planes.channels
        self.parameters = [] if layer is None else [layer.weight, layer.bias]
        self.memory = [memory(parameter) for parameter in self.parameters]
        classes = channels if layer is None else layer.out_features
        self.averages = Numbers(batch.blocks, stored(channels), LANES)
        self.logits = Numbers(batch.blocks, classes, LANES)
        kernel = chain.averages(**source.kinds(training=training))
        self._average = bind(kernel, *source.arguments, source.side, self.averages.buffer)

    def forward(self) -> Tensor:
        """Give logits, float32 [N, classes]."""
        self._average()
        classes = self.logits.array.shape[1]
        if self.memory:
            head.logits()(self.averages.buffer, *self.memory, self.logits.buffer)
        else:
            np.add(self.averages.array[:, :classes], 0.0, out=self.logits.array)
        by_image = self.logits.array.transpose(0, 2, 1).copy().reshape(-1, classes)
        return torch.from_numpy(by_image[: int(self.batch.count.array[0])])


class BackwardHead:
    """The memory of the head's backward pass; `gradient` is that of what the last cell gives."""

    def __init__(self, forward: Head, gradient: Planes) -> None:
        blocks, classes, _ = forward.logits.array.shape
        self.forward, self.side = forward, gradient.side
        self.gradient = Buffer(gradient.array[:, : gradient.channels])
        self.labels, self.losses, self.predicted = (Numbers(blocks, LANES, kind=np.int64) for _ in range(3))
        self.slope = Numbers(blocks, classes, LANES, kind=np.float64)
        self.own = [Numbers(*parameter.shape, kind=np.float64) for parameter in forward.parameters]
        self.told = [torch.from_numpy(each.array).view(-1) for each in (self.losses, self.predicted)]

    def gradients(self) -> dict[Tensor, Numbers]:
        """Give the memory of the parameters' gradients."""
        return dict(zip(self.forward.parameters, self.own, strict=True))

    def backward(self, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Give losses in 2^-32 nats and classes, int64 [N]; compute the gradients."""
        forward, present, count = self.forward, self.forward.batch.present.buffer, len(labels)
        self.labels.array.reshape(-1)[:count] = labels.numpy()
        results = [numbers.buffer for numbers in (self.losses, self.predicted, self.slope)]
        head.loss()(forward.logits.buffer, self.labels.buffer, present, smoothing, *results)
        given = [forward.averages.buffer, forward.memory[0], present] if self.own else []
        own = [numbers.buffer for numbers in self.own]
        head.backward(linear=bool(self.own))(self.slope.buffer, self.side, *given, self.gradient, *own)
        losses, predicted = (each[:count] for each in self.told)
        return losses, predicted


class Forward:
    """A network's memory for at most so many blocks of images, and its forward pass, of training or of scoring."""

    def __init__(
        self, network: Network, side: int, blocks: int, mean: float, sd: float, *, training: bool = False
    ) -> None:
        self.batch = Batch(blocks)
        self.images = source = pixel_source(side, self.batch, mean, sd)
        self.filters = {cell.convolution: Filters(cell.convolution, turned=False) for cell in network.cells}
        self.bounds = Bounds(len(network.cells) + 1, blocks)
        self.bounds.array[0] = normalised(torch.tensor([[[0, WHITE]]]), mean, sd)[1]
        self.nodes: list[Node] = []
        for number, cell in enumerate(network.cells):
            bounds = self.bounds.buffers[number : number + 2]
            self.nodes.append(Node(cell, source, self.filters[cell.convolution], bounds, self.batch))
            source = self.nodes[-1].result
        self.calls = [call for node in self.nodes for call in node.forward(training=training)]
        self.head = Head(network.head, source, self.batch, training=training)

    def run(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 [N, classes], of pixels [N, side, side]: integers from 0 to `WHITE`."""
        self.batch.begin(len(pixels))
        put(pixels, self.images.planes)
        for filters in self.filters.values():
            filters.prepare()
        for call in self.calls:
            call()
        return self.head.forward()


class Training:
    """A network's memory for training in batches of at most so many images."""

    def __init__(self, network: Network, side: int, images: int, mean: float, sd: float) -> None:
        blocks = -(-images // LANES)
        self.forward = Forward(network, side, blocks, mean, sd, training=True)
        self.bounds = Bounds(len(network.cells), blocks)
        self.filters = {cell.convolution: Filters(cell.convolution, turned=True) for cell in network.cells[1:]}
        self.nodes: list[BackwardNode] = []
        for node, bounds in zip(self.forward.nodes, self.bounds.buffers, strict=True):
            before = self.nodes[-1] if self.nodes else None
            self.nodes.append(BackwardNode(node, bounds, before, self.filters.get(node.layer)))
        self.calls = [call for node in reversed(self.nodes) for call in node.backward()]
        self.head = BackwardHead(self.forward.head, self.nodes[-1].gradient)
        parts: dict[Tensor, list[Tensor]] = {}  # of a gradient, in the order in which they are added up
        for part in (self.head, *reversed(self.nodes)):
            for parameter, numbers in part.gradients().items():
                parts.setdefault(parameter, []).append(torch.from_numpy(numbers.array))
        self.gradients = {
            parameter: each[0] if len(each) == 1 else each[0].clone() for parameter, each in parts.items()
        }
        self.several = [(self.gradients[parameter], each) for parameter, each in parts.items() if len(each) > 1]
        self.fine = torch.tensor(False)  # of `diverged`; to make a tensor takes long
        self.descent: Descent | None = None
        self.running: Average | None = None
        self.watched = [tensor.detach().numpy() for tensor in (*self.gradients, *network.statistics())]

    @torch.no_grad()
    def forward_backward(
        self, pixels: Tensor, labels: Tensor, numbers: Tensor, dropout: list[Key], smoothing: float
    ) -> Result:
        """As `step.forward_backward`, from pixels [N, side, side]; the next call overwrites the result."""
        count = len(pixels)
        self.forward.batch.numbers.array.reshape(-1)[:count] = numbers.numpy()
        for node, stream in zip(self.forward.nodes, dropout, strict=True):
            node.begin(count, stream)
        logits = self.forward.run(pixels)
        losses, predicted = self.head.backward(labels, smoothing)
        for filters in self.filters.values():
            filters.prepare()
        for call in self.calls:
            call()
        for whole, parts in self.several:
            torch.add(parts[0], parts[1], out=whole)
            for part in parts[2:]:
                whole += part
        bounds = (each.array.reshape(-1, each.array[0].size)[:, :count] for each in (self.forward.bounds, self.bounds))
        met = np.concatenate([logits.numpy(), *bounds, *self.watched], axis=None)
        bounded = np.abs(met).max() < 2.0**LARGEST  # a NaN is not
        return Result(losses, predicted, self.gradients, self.fine if bounded else ~self.fine)

    def descend(self, optimiser: Optimiser, gradients: Gradients, images: int, rate: float) -> None:
        """As `Reference.descend`, along the gradients that `forward_backward` has just given."""
        assert gradients is self.gradients
        if self.descent is None or self.descent.optimiser is not optimiser:
            self.descent = Descent(optimiser, gradients)
        self.descent.step(images, rate)

    def average(self, average: nn.Module, model: nn.Module, decay: float, *, first: bool) -> None:
        """As `Reference.average`, of the network that this trains."""
        if first:
            move_average(average, model, decay, first=True)
            return
        if self.running is None or self.running.average is not average:
            self.running = Average(average, model, decay)
        self.running.move()


class Scoring:
    """A network's memory for scoring so many images at once."""

    def __init__(self, network: Network, side: int, images: int, mean: float, sd: float) -> None:
        self.forward = Forward(network, side, -(-images // LANES), mean, sd)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Give float32 logits [N, classes] of uint8 images [N, side, side] in evaluation mode."""
        batches = images.split(self.forward.batch.blocks * LANES)
        return torch.cat([self.forward.run(batch.short() * STEPS) for batch in batches])
