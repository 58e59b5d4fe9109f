"""What computes gradients and logits: torch, or the fast engine for the layers and batches that it supports."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from torch import Tensor, nn

from mnist_study.core.recipe import Recipe
from mnist_study.train.engines.torch_engine import TorchEngine


class Engine(Protocol):
    """Gradients and logits of the model that it was made for; the training loop does all else.

    Between two epochs it keeps nothing that the model does not hold, so that training can resume at any epoch.
    """

    name: str  # "torch" or "fast"
    precision: str  # "fp32" or "bf16": what really runs

    def begin_epoch(self, seed: int) -> None:
        """Seed the epoch's dropout."""
        ...

    def forward_backward(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Compute loss and gradients in training mode for normalised images [N, 1, side, side] and their labels [N].

        Leaves the gradient in each parameter's `.grad`, which nobody else may replace between two steps, and updates
        running statistics. Gives the mean loss and the predicted classes [N].
        """
        ...

    def logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """Give float32 logits [N, classes] of normalised images in evaluation mode, without gradients.

        `network` is the model or its running average: of the same structure, with values of its own.
        """
        ...


def choose(recipe: Recipe, model: nn.Module, images: int, note: Callable[[str], None], *, side: int = 28) -> Engine:
    """Make the engine that the recipe asks for; where the fast one cannot train it, say why and give torch's.

    `images` is the number in an epoch, `side` theirs. `note` takes a line for the user. The engine may move the model's
    tensors to another device or layout, so whatever holds on to them comes after it.
    """
    if recipe.engine == "fast":
        if find_spec("halide") is None:
            reason = "halide, its compiler, is not installed; it has no wheel for Linux on Arm"
        else:
            from mnist_study.train.engines.fast import FastEngine, unsupported  # loads the compiler

            reason = unsupported(model, recipe, images)
            if reason is None:
                return FastEngine(model, recipe, side)
        note(f"variants.{recipe.variant}: the torch engine trains this one: {reason}")
    return TorchEngine(model, recipe)
