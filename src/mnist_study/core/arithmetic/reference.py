"""The reference as an object that trains and scores; kernels/ has two others, which give the same bits."""

from dataclasses import dataclass

from torch import Tensor, nn

from mnist_study.core.arithmetic import scoring, step
from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.network import Network
from mnist_study.core.arithmetic.optimiser import Optimiser, move_average
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.step import Batch, Result


@dataclass(frozen=True)
class Reference:
    """A network, and the mean and standard deviation that normalise its images, as shares of white."""

    network: Network
    mean: float
    sd: float

    def forward_backward(
        self, pixels: Tensor, labels: Tensor, numbers: Tensor, dropout: list[Key], smoothing: float
    ) -> Result:
        """Compute losses and gradients of int64 pixels [N, H, W]; `numbers` are the images' among all, for dropout."""
        batch = Batch(*normalised(pixels, self.mean, self.sd), labels, numbers)
        return step.forward_backward(self.network, batch, dropout, smoothing)

    @staticmethod
    def descend(optimiser: Optimiser, gradients: Gradients, images: int, rate: float) -> None:
        """Take one step along what `forward_backward` gave for so many images."""
        optimiser.step(gradients, images, rate)

    @staticmethod
    def average(average: nn.Module, model: nn.Module, decay: float, *, first: bool) -> None:
        """As `move_average`."""
        move_average(average, model, decay, first=first)

    def logits(self, images: Tensor) -> Tensor:
        """Give float32 logits [N, classes] of uint8 images [N, H, W]."""
        return scoring.logits(self.network, images, self.mean, self.sd)
