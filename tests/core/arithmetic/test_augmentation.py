"""Augmentation in integers beside the floating-point one, which is torchvision's."""

from types import ModuleType

import pytest
import torch

from mnist_study.core.arithmetic import augmentation
from mnist_study.core.arithmetic.augmentation import affine, blur, brightness, contrast, noise
from mnist_study.core.arithmetic.augmentation.pixels import WHITE
from mnist_study.core.augmentation import Policy, warp
from mnist_study.tools.golden.made import images
from mnist_study.tools.golden.trainings import NONE

COUNT = 200
SPLIT = images("augmentation test", COUNT)
NUMBERS = torch.arange(COUNT)


def drawn(kind: ModuleType, **values: float) -> dict[str, torch.Tensor]:
    return {
        name: torch.full((COUNT,), {**kind.PARAMETERS, **values}[name], dtype=torch.float64) for name in kind.PARAMETERS
    }


@pytest.mark.parametrize(
    "values",
    [
        {"rotation": 30.0},
        {"translation_x": 0.11, "translation_y": -0.06},
        {"scale": 0.7},
        {"shear_x": 20.0, "shear_y": -10.0},
        {"rotation": -100.0, "scale": 1.3, "translation_x": 0.2, "shear_x": 11.0},
    ],
)
def test_an_affine_map_is_the_floating_point_one(values: dict[str, float]):
    parameters = drawn(affine, **values)
    ours = affine.apply(SPLIT.images.long() * 128, parameters, NUMBERS, 0, 1).double() / WHITE
    theirs = warp(SPLIT.images.unsqueeze(1).double() / 255, parameters).squeeze(1)
    assert (ours - theirs).abs().max() < 0.02  # places have 8 bits behind the point
    assert (ours - theirs).abs().mean() < 0.002


def test_nothing_drawn_is_nothing_changed():
    pixels = SPLIT.images.long() * 128
    assert torch.equal(augmentation.augment(SPLIT.images, NUMBERS, NONE, 0, 1), pixels)
    for kind in augmentation.KINDS:
        if kind is not noise:
            assert torch.equal(kind.apply(pixels, drawn(kind), NUMBERS, 0, 1), pixels), kind


def test_brightness_and_contrast_multiply_and_are_cut_off():
    pixels = SPLIT.images.long() * 128
    bright = brightness.apply(pixels, drawn(brightness, brightness=1.5), NUMBERS, 0, 1)
    assert (bright - (pixels * 1.5).clamp(0, WHITE)).abs().max() <= 1
    flat = contrast.apply(pixels, drawn(contrast, contrast=0.0), NUMBERS, 0, 1)
    assert (flat - pixels.double().mean((1, 2), keepdim=True)).abs().max() <= 1
    strong = contrast.apply(pixels, drawn(contrast, contrast=3.0), NUMBERS, 0, 1)
    assert strong.min() == 0
    assert strong.max() == WHITE


def test_blur_keeps_the_light_and_spreads_it_by_its_standard_deviation():
    pixels = torch.zeros(COUNT, 9, 9, dtype=torch.int64)
    pixels[:, 4, 4] = WHITE
    blurred = blur.apply(pixels, drawn(blur, blur=0.7), NUMBERS, 0, 1)[0].double()
    assert blurred.sum().item() == pytest.approx(WHITE, rel=1e-3)
    variance = (blurred.sum(0) * (torch.arange(9) - 4) ** 2).sum() / blurred.sum()
    assert variance.sqrt().item() == pytest.approx(0.7, rel=0.01)


def test_noise_has_its_standard_deviation_and_no_mean_and_differs_between_images():
    grey = torch.full((COUNT, 28, 28), WHITE // 2)
    noisy = noise.apply(grey, drawn(noise, noise=0.1), NUMBERS, 0, 1)
    difference = (noisy - grey).double() / WHITE
    assert difference.std().item() == pytest.approx(0.1, rel=0.01)
    assert difference.mean().abs() < 5 * 0.1 / difference.numel() ** 0.5
    assert not torch.equal(noisy[0], noisy[1])


def test_draws_fill_their_range_and_depend_on_image_seed_and_epoch_alone():
    policy = Policy(0.13, 0.31, NONE | {"brightness": (0.4, 0.9)})
    white = torch.full((COUNT, 1, 1), 255, dtype=torch.uint8)
    first = augmentation.augment(white, NUMBERS, policy.ranges, 0, 1).double() / WHITE
    assert 0.4 <= first.min() < 0.41
    assert 0.89 < first.max() <= 0.9
    assert torch.equal(first[[7]], augmentation.augment(white[:1], NUMBERS[[7]], policy.ranges, 0, 1).double() / WHITE)
    for seed, epoch in ((1, 1), (0, 2)):
        assert not torch.equal(first, augmentation.augment(white, NUMBERS, policy.ranges, seed, epoch) / WHITE)


def test_normalised_images_stay_within_their_bound():
    values, bound = augmentation.normalised(SPLIT.images.long() * 128, 0.1307, 0.3081)
    assert (values.abs() <= bound).all()
    expected = (SPLIT.images.unsqueeze(1).double() / 255 - 0.1307) / 0.3081
    assert (values - expected).abs().max() < 1e-6
