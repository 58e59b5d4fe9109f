"""The engine for networks that the arithmetic of integers defines: the same bytes on every processor."""

from torch import Tensor, nn

from mnist_study import kernels
from mnist_study.core.arithmetic import optimiser, step
from mnist_study.core.arithmetic.network import of_variant, read
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe


class ExactEngine:
    """See `engines.Engine`."""

    def __init__(self, model: nn.Module, recipe: Recipe, seed: int, images: Tensor, policy: Policy) -> None:
        """Draw the model's initial weights; raises UserError where the arithmetic does not define the network."""
        self.recipe, self.seed, self.images, self.policy = recipe, seed, images, policy
        self.network = of_variant(model, recipe.variant)
        optimiser.initialise(model, seed)
        self.arithmetic = kernels.trains(self.network, images, recipe.batch_size, policy.mean, policy.sd)
        self.descend, self.average = self.arithmetic.descend, self.arithmetic.average

    def begin_epoch(self, epoch: int) -> None:
        """Choose the epoch's dropout: each image's is a hash."""
        self.dropout = step.dropout_keys(self.network, self.seed, epoch)

    def forward_backward(self, pixels: Tensor, labels: Tensor, numbers: Tensor) -> Result:
        """Compute losses and gradients; raises UserError where the batch is too large to add up."""
        smoothing = self.recipe.label_smoothing
        try:
            return self.arithmetic.forward_backward(pixels, labels, numbers, self.dropout, smoothing)
        except UserError as error:
            given = f"variants.{self.recipe.variant}.batch_size: {self.recipe.batch_size} given"
            raise UserError(f"{given}; {error}") from None

    def scores(self, network: nn.Module) -> kernels.Scores:
        """Give what computes logits."""
        return kernels.scores(read(network), self.images, self.policy.mean, self.policy.sd)
