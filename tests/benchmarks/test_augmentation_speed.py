"""Augmenting 1,024 images: the whole batch at once against torchvision's transforms image by image. `make bench`."""

import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torchvision.transforms import v2

from mnist_study.augmentation import NEUTRAL, RANGES, Policy, augment, draw

WIDTHS = {
    "rotation": 7.0,
    "translation_x": 0.08,
    "translation_y": 0.08,
    "scale": 0.1,
    "brightness": 0.2,
    "contrast": 0.2,
}


def affine_jitter() -> Policy:
    ranges = {}
    for name in RANGES:
        neutral, width = NEUTRAL.get(name, 0.0), WIDTHS.get(name, 0.0)
        ranges[name] = (neutral - width, neutral + width)
    return Policy(0.1307, 0.3081, ranges)


@pytest.fixture
def images() -> Tensor:
    torch.set_num_threads(1)
    return torch.randint(0, 256, (1024, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.benchmark(group="augment 1,024 images, one thread")
def test_batched(benchmark: BenchmarkFixture, images: Tensor):
    generator = torch.Generator().manual_seed(0)
    out = benchmark(lambda: augment(images, affine_jitter(), draw(len(images), generator)))
    assert out.shape == (1024, 1, 28, 28)


@pytest.mark.benchmark(group="augment 1,024 images, one thread")
def test_torchvision_image_by_image(benchmark: BenchmarkFixture, images: Tensor):
    """The plain recipe: PIL images through as the study names its transforms."""
    pictures = [Image.fromarray(image.numpy()) for image in images]
    transform = v2.Compose(
        [
            v2.RandomRotation([-7, 7]),
            v2.RandomAffine([0, 0], translate=(0.08, 0.08), scale=(0.9, 1.1)),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.1307], [0.3081]),
        ]
    )
    out = benchmark(lambda: torch.stack([transform(picture) for picture in pictures]))
    assert out.shape == (1024, 1, 28, 28)
