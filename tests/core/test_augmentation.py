"""Augmentation held beside torchvision, and what must hold whatever the policy and the draws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from mnist_study.core.augmentation import NEUTRAL, RANGES, Policy, Range, augment, draw, normalise, to_unit

# Of pixels between 0 and 1: a hundredth of a grey level. Both sides work in float32 but in another order, so each looks
# up its source some 1e-6 of a pixel elsewhere; random bytes, the steepest images there are, show that as 1e-5 at most.
TOLERANCE = 3e-5

examples = settings(deadline=None, max_examples=40)

LIMITS = {
    "rotation": (-180.0, 180.0),
    "translation_x": (-0.5, 0.5),
    "translation_y": (-0.5, 0.5),
    "scale": (0.5, 2.0),
    "shear_x": (-45.0, 45.0),
    "shear_y": (-45.0, 45.0),
    "brightness": (0.0, 1.75),
    "contrast": (0.0, 1.75),
}
AFFINE = RANGES[:6]
STILL: dict[str, Range] = {name: (NEUTRAL.get(name, 0.0), NEUTRAL.get(name, 0.0)) for name in RANGES}

seeds = st.integers(0, 2**32 - 1)
values = {name: st.floats(low, high, width=32) for name, (low, high) in LIMITS.items()}


@st.composite
def ranges(draw_value):
    """A range within the limits for each parameter."""
    pairs = {name: (draw_value(values[name]), draw_value(values[name])) for name in RANGES}
    return {name: (min(pair), max(pair)) for name, pair in pairs.items()}


def raw(**fixed):
    """A policy that gives every image exactly these parameters and leaves pixels between 0 and 1."""
    return Policy(0.0, 1.0, STILL | {name: (value, value) for name, value in fixed.items()})


def random_images(count, seed):
    return torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def draws(count, seed):
    return draw(count, torch.Generator().manual_seed(seed))


def torchvision_affine(image, parameters):
    return reference.affine(
        image,
        parameters["rotation"],
        [28 * parameters["translation_x"], 28 * parameters["translation_y"]],
        parameters["scale"],
        [parameters["shear_x"], parameters["shear_y"]],
        interpolation=InterpolationMode.BILINEAR,
    )


def torchvision_all(image, parameters):
    moved = torchvision_affine(image, parameters)
    return reference.adjust_contrast(
        reference.adjust_brightness(moved, parameters["brightness"]), parameters["contrast"]
    )


def assert_close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", AFFINE)
@examples
@given(data=st.data(), seed=seeds)
def test_each_move_alone_agrees_with_torchvision(name, data, seed):
    value = data.draw(values[name])
    images = random_images(1, seed)
    parameters = {other: low for other, (low, _) in STILL.items()} | {name: value}
    assert_close(
        augment(images, raw(**{name: value}), draws(1, seed))[0], torchvision_affine(to_unit(images)[0], parameters)
    )


@pytest.mark.parametrize(
    ("name", "adjust"), [("brightness", reference.adjust_brightness), ("contrast", reference.adjust_contrast)]
)
@examples
@given(data=st.data(), seed=seeds)
def test_brightness_and_contrast_agree_with_torchvision(name, adjust, data, seed):
    value = data.draw(values[name])
    images = random_images(1, seed)
    assert_close(augment(images, raw(**{name: value}), draws(1, seed))[0], adjust(to_unit(images)[0], value))


@examples
@given(ranges=ranges(), seed=seeds)
def test_all_together_agree_with_torchvision_image_by_image(ranges, seed):
    images, policy, drawn = random_images(3, seed), Policy(0.0, 1.0, ranges), draws(3, seed)
    parameters = policy.parameters(drawn)
    for place, ours in enumerate(augment(images, policy, drawn)):
        own = {name: column[place].item() for name, column in parameters.items()}
        assert_close(ours, torchvision_all(to_unit(images)[place], own))


@examples
@given(mean=st.floats(0, 1), sd=st.floats(0.01, 1), seed=seeds)
def test_a_neutral_policy_is_plain_normalisation(mean, sd, seed):
    images, policy = random_images(3, seed), Policy(mean, sd, STILL)
    assert torch.equal(augment(images, policy, draws(3, seed)), normalise(images, policy))


@examples
@given(ranges=ranges(), mean=st.floats(0, 1), sd=st.floats(0.01, 1), seed=seeds)
def test_normalisation_comes_last(ranges, mean, sd, seed):
    images, drawn = random_images(3, seed), draws(3, seed)
    pixels = augment(images, Policy(0.0, 1.0, ranges), drawn)
    assert 0 <= pixels.min() <= pixels.max() <= 1 + TOLERANCE
    assert torch.equal(augment(images, Policy(mean, sd, ranges), drawn), (pixels - mean) / sd)


@examples
@given(ranges=ranges(), count=st.integers(2, 9), seed=seeds)
def test_an_image_does_not_depend_on_the_rest_of_the_batch(ranges, count, seed):
    images, policy, drawn = random_images(count, seed), Policy(0.0, 1.0, ranges), draws(count, seed)
    together = augment(images, policy, drawn)
    apart = torch.cat([augment(images[i : i + 1], policy, drawn[i : i + 1]) for i in range(count)])
    assert_close(together, apart)  # equal to the bit where this was written, but no BLAS promises that


@examples
@given(ranges=ranges(), seed=seeds)
def test_the_same_seed_gives_the_same_pixels(ranges, seed):
    images, policy = random_images(4, seed), Policy(0.1307, 0.3081, ranges)
    assert torch.equal(augment(images, policy, draws(4, seed)), augment(images, policy, draws(4, seed)))


@examples
@given(ranges=ranges(), seed=seeds)
def test_each_parameter_has_a_column_of_draws_of_its_own(ranges, seed):
    """So another range leaves the values of the other parameters alone."""
    drawn = draws(9, seed)
    assert drawn.shape == (9, len(RANGES))
    for place, (name, found) in enumerate(Policy(0.0, 1.0, ranges).parameters(drawn).items()):
        low, high = ranges[name]
        assert name == RANGES[place]
        torch.testing.assert_close(found, low + (high - low) * drawn[:, place])


def test_draws_are_even():
    drawn = draws(20_000, 0)
    assert ((drawn >= 0) & (drawn < 1)).all()
    for column in drawn.unbind(1):
        assert torch.histc(column, 10, 0, 1).sub(2000).abs().max() < 200


def test_half_faded_ranges_are_half_as_wide_around_no_change():
    policy = Policy(0.0, 1.0, {**STILL, "rotation": (-8.0, 8.0), "scale": (0.8, 1.4)})
    annealed = policy.annealed(0.5).ranges
    assert annealed["rotation"] == pytest.approx((-4.0, 4.0))
    assert annealed["scale"] == pytest.approx((0.9, 1.2))
    assert policy.annealed(0.0) == policy
    assert policy.annealed(1.0).ranges == STILL


@examples
@given(ranges=ranges(), seed=seeds)
def test_parameters_stay_within_their_ranges(ranges, seed):
    policy = Policy(0.0, 1.0, ranges)
    ends = torch.stack([torch.zeros(8), torch.full((8,), 1 - 2**-24)])
    for name, drawn in policy.parameters(torch.cat([ends, draws(50, seed)])).items():
        low, high = ranges[name]
        slack = 1e-6 * max(abs(low), abs(high))  # low + (high - low) in float32 may miss high by a rounding
        assert low - slack <= drawn.min() <= drawn.max() <= high + slack
