"""Augmenting 1,024 images: all at once by a kernel against torchvision's transforms image by image. `make bench`."""

import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from mnist_study import kernels
from tests.benchmarks import cases, plain_recipe
from tests.benchmarks.figures import Figures


@pytest.fixture
def images() -> Tensor:
    torch.set_num_threads(1)
    return torch.randint(0, 256, (1024, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.benchmark(group="augment 1,024 images, one thread")
def test_batched(benchmark: BenchmarkFixture, images: Tensor, figures: Figures):
    policy, numbers = cases.policy(), torch.arange(len(images))
    out = benchmark(lambda: kernels.augment(images, numbers, policy, 0, 1))
    assert out.shape == images.shape
    note(figures, benchmark, "batched")


@pytest.mark.benchmark(group="augment 1,024 images, one thread")
def test_torchvision_image_by_image(benchmark: BenchmarkFixture, images: Tensor, figures: Figures):
    """The plain recipe: PIL images through as the study names its transforms."""
    pictures = [Image.fromarray(image.numpy()) for image in images]
    benchmark(lambda: [plain_recipe.train_transforms(picture) for picture in pictures])
    note(figures, benchmark, "torchvision image by image")


def note(figures: Figures, benchmark: BenchmarkFixture, name: str) -> None:
    median: float = benchmark.stats["median"]  # pyright: ignore[reportOptionalSubscript] - it has just run
    figures.augment_ms[name] = round(1000 * median, 2)
