"""Augmenting 1,024 images: the whole batch at once against torchvision's transforms image by image. `make bench`."""

import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from mnist_study.core.augmentation import augment, draw
from tests.benchmarks import cases, plain_recipe
from tests.benchmarks.figures import Figures


@pytest.fixture
def images() -> Tensor:
    torch.set_num_threads(1)
    return torch.randint(0, 256, (1024, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.benchmark(group="augment 1,024 images, one thread")
def test_batched(benchmark: BenchmarkFixture, images: Tensor, figures: Figures):
    generator, policy = torch.Generator().manual_seed(0), cases.policy()
    out = benchmark(lambda: augment(images, policy, draw(len(images), generator)))
    assert out.shape == (1024, 1, 28, 28)
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
