"""Contrast: the distance of all pixels from the image's average times `contrast`."""

from torch import Tensor

from mnist_study.core.arithmetic.pixels import clamped, fixed, shifted

ORDER = 40
PARAMETERS = ("contrast",)


def apply(pixels: Tensor, drawn: dict[str, Tensor], numbers: Tensor, seed: int, epoch: int) -> Tensor:
    """Multiply by the factor in 4,096ths; the average is a whole number."""
    factor = fixed(drawn["contrast"], 12)
    count = pixels.shape[1] * pixels.shape[2]
    average = (2 * pixels.sum((1, 2), keepdim=True) + count) // (2 * count)
    return clamped(shifted(pixels * factor + average * (4096 - factor), 12))
