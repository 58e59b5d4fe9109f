"""The images that are trained on while the clock runs."""

import torch

from mnist_study.core import mnist
from mnist_study.core.mnist import Split
from tests.support import ROOT

MNIST = ROOT / "data" / "mnist"


def images() -> tuple[Split, Split]:
    """Give the training and the test split: MNIST where it was downloaded, else noise of the same shape."""
    if MNIST.exists():
        return mnist.training_split(MNIST), mnist.test_split(MNIST)
    return _noise(60_000), _noise(10_000)


def first(split: Split, count: int) -> Split:
    """Give the first images of a split."""
    return Split(split.images[:count], split.labels[:count])


def _noise(count: int) -> Split:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(pixels, torch.randint(0, 10, (count,), generator=generator))
