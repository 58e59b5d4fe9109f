"""Stochastic gradient descent with momentum, and the running average of weights: float32, one operation at a time."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic import random_words
from mnist_study.core.arithmetic.chain import TINY, Gradients


@torch.no_grad()
def initialise(model: nn.Module, seed: int) -> None:
    """Draw the initial weights of all convolutions and linear layers, uniform as torch's, by the hash.

    Between -1 / sqrt(n) and 1 / sqrt(n), where n values go into a sum; 24 bits each. Norms begin with 1 and 0.
    """
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        root = torch.tensor(math.sqrt(layer.weight[0].numel()), dtype=torch.float64)
        for kind, parameter in layer.named_parameters(recurse=False):
            stream = random_words.key("weights", seed, f"{name}.{kind}")
            words = random_words.words(stream, torch.arange(parameter.numel())) >> 8
            centred = (2 * words + 1 - 2**24).double() * 2.0**-24
            parameter.copy_((centred / root).float().view(parameter.shape))


class Optimiser:
    """Momentum of these parameters; weights decay, biases and norms do not.

    All parameters are computed as one vector, since a network has dozens of small ones.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], momentum: float, weight_decay: float, *, nesterov: bool
    ) -> None:
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov
        self.parameters = sorted(parameters, key=lambda parameter: parameter.ndim == 1)
        self.decaying = sum(parameter.numel() for parameter in self.parameters if parameter.ndim > 1)
        self.weight, self.buffer = (torch.zeros_like(_vector(self.parameters)) for _ in range(2))
        self.weights, self.buffers = self._parts(self.weight), self._parts(self.buffer)

    def _parts(self, vector: Tensor) -> dict[nn.Parameter, Tensor]:
        """Give each parameter's part of a vector, a view of the parameter's shape."""
        parts = vector.split([parameter.numel() for parameter in self.parameters])
        return {parameter: part.view(parameter.shape) for parameter, part in zip(self.parameters, parts, strict=True)}

    @torch.no_grad()
    def step(self, sums: Gradients, images: int, rate: float) -> None:
        """Take one step along the gradients, float64 sums over so many images."""
        count, momentum, decay, lr = (
            torch.tensor(number, device=self.buffer.device)
            for number in (float(images), self.momentum, self.weight_decay, rate)
        )
        weight = _vector(self.parameters)
        gradient = (_vector([sums[parameter] for parameter in self.parameters]) / count.double()).float()
        if self.weight_decay > 0:
            gradient[: self.decaying] += decay * weight[: self.decaying]
        moved = momentum * self.buffer + gradient
        self.buffer.copy_(torch.where(moved.abs() < TINY, 0.0, moved))
        direction = momentum * self.buffer + gradient if self.nesterov else self.buffer
        self.weight.copy_((weight - lr * direction) + 0.0)
        for parameter, part in self.weights.items():
            parameter.copy_(part)


def _vector(tensors: list[nn.Parameter] | list[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float, *, first: bool) -> None:
    """Move the average's weights and running statistics toward the model's by the share 1 - decay, in float32.

    After the first step it is the model itself.
    """
    share = torch.tensor(1.0 - decay)
    for mine, theirs in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mine.is_floating_point() and not first:
            mine.copy_(mine + share.to(mine.device) * (theirs - mine))
        else:
            mine.copy_(theirs)
