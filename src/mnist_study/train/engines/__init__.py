"""What computes a training's steps and scores: the arithmetic of integers, or torch for any other network."""

from typing import Protocol

from torch import Tensor, nn

from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.kernels import Scores
from mnist_study.train.engines.exact_engine import ExactEngine
from mnist_study.train.engines.torch_engine import TorchEngine


class Engine(Protocol):
    """Steps of the model that it was made for, and scores; the training loop does all else.

    Between two epochs it keeps nothing that the model does not hold, so that training can resume at any epoch.
    """

    def begin_epoch(self, epoch: int) -> None:
        """Choose the epoch's dropout."""
        ...

    def forward_backward(self, pixels: Tensor, labels: Tensor, numbers: Tensor) -> Result:
        """Compute losses and gradients of augmented pixels [N, H, W], and update running statistics.

        `numbers` are the images' places among the training images.
        """
        ...

    def descend(self, optimiser: Optimiser, gradients: Gradients, images: int, rate: float) -> None:
        """Take one step along what `forward_backward` has just given for so many images."""
        ...

    def average(self, average: nn.Module, model: nn.Module, decay: float, *, first: bool) -> None:
        """Move the running average toward the model."""
        ...

    def scores(self, network: nn.Module) -> Scores:
        """Give what computes logits of uint8 images by the model or its running average, whose values may change."""
        ...


def make(model: nn.Module, recipe: Recipe, seed: int, images: Tensor, policy: Policy) -> Engine:
    """Make the engine that the recipe asks for, for the model and such images [N, H, W], on the device where they are.

    It may replace the model's values and move their memory, so whatever holds on to them comes after it. Raises
    UserError where the engine `exact` does not define the network.
    """
    if recipe.engine == "exact":
        return ExactEngine(model, recipe, seed, images, policy)
    return TorchEngine(model, recipe, seed, policy)
