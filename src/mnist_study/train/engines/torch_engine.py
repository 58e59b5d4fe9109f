"""The engine that trains any network: torch's own operations in float32, the same bytes on one kind of machine only."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.fixed_point import bounded
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.optimiser import move_average
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.core.arithmetic.random_words import key
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe


@dataclass(frozen=True)
class Scores:
    """A network, and the policy that normalises its images."""

    network: nn.Module
    policy: Policy

    def logits(self, images: Tensor) -> Tensor:
        """Give float32 logits [N, classes] of uint8 images [N, H, W]."""
        return logits(self.network, images, self.policy)


class TorchEngine:
    """See `engines.Engine`. The optimiser's step and the average are those of the arithmetic."""

    descend = staticmethod(Reference.descend)
    average = staticmethod(move_average)

    def __init__(self, model: nn.Module, recipe: Recipe, seed: int, policy: Policy) -> None:
        """Keep the model's initial weights, in the layout that torch is quickest with."""
        self.model = model.to(memory_format=torch.channels_last)
        self.label_smoothing, self.seed, self.policy = recipe.label_smoothing, seed, policy

    def begin_epoch(self, epoch: int) -> None:
        """Seed torch's global generator, which dropout alone draws from."""
        torch.manual_seed(int(key("dropout", self.seed, epoch)[0]))
        self.model.train()

    def forward_backward(self, pixels: Tensor, labels: Tensor, numbers: Tensor) -> Result:
        """Compute losses and gradients by autograd."""
        images, _ = normalised(pixels, self.policy.mean, self.policy.sd)
        batch_logits = self.model(images)
        losses = F.cross_entropy(batch_logits, labels, reduction="none", label_smoothing=self.label_smoothing)
        self.model.zero_grad()
        losses.sum().backward()
        gradients: Gradients = {}
        for parameter in self.model.parameters():
            gradients[parameter] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        units = losses.detach().double() * LOSS_UNITS
        diverged = ~bounded([batch_logits, units * len(labels), *gradients.values()])
        return Result(units.round().long(), batch_logits.argmax(1), gradients, diverged)

    def scores(self, network: nn.Module) -> Scores:
        """Give what computes logits."""
        return Scores(network, self.policy)
