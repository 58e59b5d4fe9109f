"""A step and the logits of one network as functions of its tensors, which `vmap` makes functions of many networks'."""

from torch import Tensor, nn

from mnist_study.core.arithmetic import network, step
from mnist_study.core.arithmetic.optimiser import Optimiser, move_average
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe


class Step(nn.Module):
    """Forward, backward, one step of descent, perhaps the average: called by `functional_call` with tensors to change.

    `mean` and `sd` normalise the images.
    """

    def __init__(self, model: nn.Module, average: nn.Module | None, recipe: Recipe, mean: float, sd: float) -> None:
        super().__init__()
        self.model, self.average = model, average
        self.network, self.recipe = network.read(model), recipe
        self.mean, self.sd = mean, sd

    def forward(
        self, momentum: Tensor, rate: Tensor, keys: Tensor, pixels: Tensor, labels: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Change model, average and the vector of momentum; give the sum of losses, the hits, and if it diverged.

        `rate` is float32, `keys` [cells, 2] are dropout's, pixels [N, H, W], labels and numbers [N].
        """
        batch = step.Batch(*normalised(pixels, self.mean, self.sd), labels, numbers)
        dropout = [(first, second) for first, second in keys]
        recipe = self.recipe
        try:
            result = step.forward_backward(self.network, batch, dropout, recipe.label_smoothing)
        except UserError as error:
            raise UserError(f"variants.{recipe.variant}.batch_size: {recipe.batch_size} given; {error}") from None
        descent = Optimiser(self.model.parameters(), recipe.momentum, recipe.weight_decay, nesterov=recipe.nesterov)
        descent.buffer = momentum
        descent.step(result.gradients, len(labels), rate)  # pyright: ignore[reportArgumentType] - `Batchable` takes it
        if self.average is not None:
            move_average(self.average, self.model, recipe.ema, first=False)
        return result.losses.sum(), (result.predicted == labels).sum(), result.diverged


class Logits(nn.Module):
    """Logits in evaluation mode, called by `functional_call` as well."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.network = model, network.read(model)

    def forward(self, images: Tensor, largest: Tensor) -> Tensor:
        """As `step.logits`."""
        return step.logits(self.network, images, largest)
