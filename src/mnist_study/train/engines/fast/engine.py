"""The fast engine: forward and backward through the nodes, the head in PyTorch."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_study.core.recipe import Recipe
from mnist_study.train.engines.fast import pooling
from mnist_study.train.engines.fast.kernel import multiplies_bf16
from mnist_study.train.engines.fast.layout import LANES, Call, Planes, stored
from mnist_study.train.engines.fast.network import Cell, UnsupportedError, read
from mnist_study.train.engines.fast.node import Node


class Stack:
    """The memory of a whole network in one precision: a node for each cell, and the features after the last."""

    def __init__(self, cells: list[Cell], images: int, side: int, precision: str) -> None:
        self.nodes = [Node(cells[0], None, images, 1, side, precision)]
        for cell in cells[1:]:
            self.nodes.append(Node.after(self.nodes[-1], cell, images))
        self.last = self.nodes[-1]
        self.features = Planes(images, stored(self.last.channels), self.last.values.side, precision)

    def forward(self, cells: list[Cell], images: int, *, training: bool) -> list[Call]:
        """List the calls for a batch; `cells` hold the weights."""
        pairs = zip(self.nodes, cells, strict=True)
        calls = [call for node, cell in pairs for call in node.forward(cell, images, training=training)]
        return [*calls, *pooling.applied(self.last.values, self.last.chain, self.features, images)]

    def backward(self, images: int) -> list[Call]:
        """List the calls of the backward pass."""
        calls, met = [], set()
        for node in reversed(self.nodes):
            if node.learns:
                calls += node.backward(images, adds=node.cell.source in met)
                met.add(node.cell.source)
        return calls

    def run(self, calls: list[Call], images: Tensor) -> Tensor:
        """Give the features [N, C, H, W] of images [N, 1, side, side]."""
        self.nodes[0].values.put(images)
        go_through(calls)
        return self.features.take(len(images), self.last.channels)


def go_through(calls: list[Call]) -> None:
    """Make the calls; NumPy's NaN warnings are off, since the training loop checks for NaN."""
    with np.errstate(all="ignore"):
        for call in calls:
            call()


class FastEngine:
    """Trains a supported network; see `engines.Engine`.

    Logits are computed in fp32, whatever the precision of training, by nodes of their own.
    """

    name = "fast"

    def __init__(self, model: nn.Module, recipe: Recipe, side: int = 28) -> None:
        """Take the network apart and reserve memory for a batch of such images; kernels are compiled at the first."""
        self.model, self.label_smoothing, self.images = model, recipe.label_smoothing, recipe.batch_size
        self.precision = "bf16" if recipe.precision == "bf16" and multiplies_bf16() else "fp32"
        self.cells, self.head = read(model)
        self.stack = Stack(self.cells, self.images, side, self.precision)
        self.scoring_stack = self.stack if self.precision == "fp32" else Stack(self.cells, self.images, side, "fp32")
        self.calls: dict[int, tuple[list[Call], list[Call]]] = {}  # forward and backward pass, for each batch size
        self.scored, self.scored_cells, self.scored_head = model, self.cells, self.head
        self.scoring: dict[int, list[Call]] = {}
        self.begin_epoch(0)

    def begin_epoch(self, seed: int) -> None:
        """Seed the dropout, the kernels' and the head's."""
        self.seeds = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.head.train()

    def forward_backward(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Compute loss and gradients; each batch size has its own list of calls."""
        count = len(images)
        if count not in self.calls:
            self.calls[count] = self.stack.forward(self.cells, count, training=True), self.stack.backward(count)
        forward, backward = self.calls[count]
        for node in self.stack.nodes:
            node.chain.draw(self.seeds)
        features = self.stack.run(forward, images).requires_grad_()
        for parameter in self.head.parameters():
            parameter.grad = None
        logits = self.head(features)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        loss.backward()
        assert features.grad is not None
        self.stack.last.gradient.put(features.grad)
        go_through(backward)
        return loss.item(), logits.detach().argmax(1)

    @torch.no_grad()
    def logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """Give the logits of the model or of one of equal structure; short batches are padded to whole blocks."""
        if network is not self.scored:
            self.scored, self.scoring = network, {}
            self.scored_cells, self.scored_head = read(network)
        for node in self.scoring_stack.nodes:
            node.chain.keep_all()
        was_training = self.scored_head.training
        self.scored_head.eval()
        batches = []
        for batch in images.split(self.images):
            filled = F.pad(batch, (0, 0, 0, 0, 0, 0, 0, -len(batch) % LANES))
            count = len(filled)
            if count not in self.scoring:
                self.scoring[count] = self.scoring_stack.forward(self.scored_cells, count, training=False)
            batches.append(self.scored_head(self.scoring_stack.run(self.scoring[count], filled))[: len(batch)])
        self.scored_head.train(was_training)
        return torch.cat(batches)


def unsupported(model: nn.Module, recipe: Recipe, images: int) -> str | None:
    """Tell why the engine cannot train this, or None where it can; `images` is the number in an epoch."""
    for count, what in ((recipe.batch_size, "a batch of"), (images, "an epoch of")):
        if count % LANES:
            return f"{what} {count} images is no multiple of {LANES}"
    try:
        read(model)
    except UnsupportedError as error:
        return str(error)
    return None
