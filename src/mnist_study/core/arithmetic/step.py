"""Forward and backward pass of a whole network, and its logits in evaluation mode."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_study.core.arithmetic import chain, convolution, fixed_point, head
from mnist_study.core.arithmetic.chain import Chain, Gradients, Norm
from mnist_study.core.arithmetic.fixed_point import GRADIENT, VALUE, exponent_of, rounded, unit
from mnist_study.core.arithmetic.network import Cell, Network
from mnist_study.core.arithmetic.random_words import Key, key


@dataclass(frozen=True)
class Input:
    """What a convolution multiplies: integers [N, C, H, W] and units [N, 1, 1, 1]."""

    q: Tensor
    units: Tensor

    @classmethod
    def of(cls, numbers: Tensor, largest: Tensor, bits: int = VALUE) -> "Input":
        """Round with an exponent for each image; `largest` bounds its magnitudes."""
        exponent = exponent_of(largest)
        return cls(rounded(numbers, bits, exponent), unit(bits, exponent))


@dataclass(frozen=True)
class Batch:
    """Float32 images [N, 1, H, W], the bound of their magnitudes [N, 1, 1, 1], labels [N], numbers [N].

    A number is the image's place among the training images; dropout is drawn by it.
    """

    images: Tensor
    largest: Tensor
    labels: Tensor
    numbers: Tensor


@dataclass(frozen=True)
class Result:
    """Loss of each image in 2^-32 nats, int64 [N]; classes [N]; gradients of the *sum* of losses.

    `diverged` is a bool tensor: a parameter, a value or a gradient was not finite, or 2^60 or more.
    """

    losses: Tensor
    predicted: Tensor
    gradients: Gradients
    diverged: Tensor


def dropout_keys(network: Network, seed: int, epoch: int) -> list[Key]:
    """Give each cell's key for an epoch."""
    return [key("dropout", seed, epoch, number) for number in range(len(network.cells))]


@torch.no_grad()
def forward_backward(network: Network, batch: Batch, dropout: list[Key], smoothing: float) -> Result:
    """Compute losses and gradients, and move the running statistics; `dropout` has the epoch's keys."""
    taken: list[Input] = []
    chains: list[Chain] = []
    images, largest, met = batch.images, batch.largest, [batch.largest]
    for cell, stream in zip(network.cells, dropout, strict=True):
        taken.append(Input.of(images, largest))
        u = _convolve(cell, taken[-1])
        stored, norm = chain.store(u), None
        if cell.norm is not None:
            norm = Norm.of(stored)
            norm.update(cell.norm)
        kept = chain.keeps(cell, stream, batch.numbers, u) if cell.dropout > 0 else None
        chains.append(chain.forward(cell, stored, norm, kept))
        images, largest = chains[-1].pooled(), chains[-1].largest
        met += [u, largest]
    averages = head.average(images)
    logits = head.logits(network.head, averages)
    losses, slope = head.loss_and_slope(logits.nan_to_num(0.0), batch.labels, smoothing)
    gradient, gradients = head.backward(network.head, averages, slope)
    bounds = _backward(network.cells, chains, taken, gradient, gradients)
    met += [logits, *bounds, *gradients, *network.statistics()]  # the keys of gradients are the parameters
    return Result(losses, logits.argmax(1), gradients, ~fixed_point.bounded(met))


def _backward(
    cells: list[Cell], chains: list[Chain], taken: list[Input], gradient: Tensor, gradients: Gradients
) -> list[Tensor]:
    """Go back through the cells, from the gradient of the averages; add the gradients of all their parameters.

    Gives the bounds of the magnitudes that were met.
    """
    bounds = []
    arriving = head.spread(gradient, chains[-1].pooled().shape)
    for cell, link, values in reversed(list(zip(cells, chains, taken, strict=True))):
        result, bound, own = chain.backward(link, arriving)
        bounds.append(bound)
        gradients |= own
        at = Input.of(result, bound, GRADIENT)
        layer = cell.convolution
        padding, shape = int(layer.padding[0]), tuple(layer.weight.shape)
        weight = convolution.weight_gradient(values.q, values.units, at.q, at.units, shape, padding)
        # A convolution that is used again: its gradients are added from the last use to the first.
        gradients[layer.weight] = gradients[layer.weight] + weight if layer.weight in gradients else weight
        if layer.bias is not None:
            bias = convolution.bias_gradient(at.q, at.units)
            gradients[layer.bias] = gradients[layer.bias] + bias if layer.bias in gradients else bias
        if link is not chains[0]:
            arriving = chain.store(convolution.input_gradient(at.q, at.units, layer.weight, padding))
    return bounds


@torch.no_grad()
def logits(network: Network, images: Tensor, largest: Tensor) -> Tensor:
    """Give float32 logits [N, classes] in evaluation mode; an image's depend on that image alone."""
    for cell in network.cells:
        u = _convolve(cell, Input.of(images, largest))
        norm = None if cell.norm is None else chain.running(cell.norm)
        link = chain.forward(cell, chain.store(u), norm, None)
        images, largest = link.pooled(), link.largest
    return head.logits(network.head, head.average(images))


def _convolve(cell: Cell, taken: Input) -> Tensor:
    layer = cell.convolution
    u = convolution.forward(taken.q, taken.units, layer.weight, layer.bias, int(layer.padding[0]))
    return u.clamp_min(0.0) if cell.first_relu else u
