"""What the fast engine leaves to torch's, and how it says so."""

from dataclasses import replace

import pytest
from torch import nn

from mnist_study import architectures
from mnist_study.core.recipe import Recipe
from mnist_study.train.engines.fast import unsupported


def tied(layer: nn.Conv2d) -> nn.Conv2d:
    """Make another convolution of the same weights."""
    other = nn.Conv2d(1, 1, 3)
    other.weight = layer.weight
    return other


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.LeakyReLU(), "it has a layer that it does not know, LeakyReLU(negative_slope=0.01) (number 1)"),
        (nn.Conv2d(4, 4, 5), "Conv2d(4, 4, kernel_size=(5, 5), stride=(1, 1)) (number 1)"),
        (nn.Conv2d(4, 4, 3, stride=2), "stride=(2, 2)) (number 1)"),
        (nn.MaxPool2d(3), "MaxPool2d(kernel_size=3"),
    ],
)
def test_an_unknown_layer_is_named(layer: nn.Module, reason: str, recipe: Recipe):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    assert reason in (unsupported(model, recipe, 640) or "")


def test_a_network_that_is_no_sequential_or_never_averages_is_named(recipe: Recipe):
    assert unsupported(nn.Conv2d(1, 10, 28), recipe, 640) == "it is a Conv2d, not a Sequential"
    assert (
        unsupported(nn.Sequential(nn.Conv2d(1, 10, 3)), recipe, 640) == "it does not average over the image at the end"
    )


def test_a_convolution_used_again_behind_the_average_is_named(recipe: Recipe):
    again = nn.Conv2d(1, 1, 1)
    model = nn.Sequential(again, nn.AdaptiveAvgPool2d(1), again, nn.Flatten(), nn.Linear(1, 10))
    assert unsupported(model, recipe, 640) == "it uses a layer again behind the average"


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            [nn.Conv2d(1, 1, 3), norm := nn.BatchNorm2d(1), nn.ReLU(), norm],
            "it uses a layer twice that is no convolution",
        ),
        ([one := nn.Conv2d(1, 1, 3), tied(one)], "two of its layers share weights"),
    ],
)
def test_what_is_shared_but_a_convolution_is_named(layers: list[nn.Module], reason: str, recipe: Recipe):
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 10))
    assert unsupported(model, recipe, 640) == reason


def test_batches_that_fill_no_vectors_are_named(recipe: Recipe):
    model = architectures.build("vanilla")
    assert unsupported(model, replace(recipe, batch_size=50), 640) == "a batch of 50 images is no multiple of 16"
    assert unsupported(model, recipe, 650) == "an epoch of 650 images is no multiple of 16"
