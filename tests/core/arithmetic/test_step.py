"""A step of any network: near float64's, whatever the order of images, exact, bounded."""

import copy
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mnist_study.core.arithmetic import chain, fixed_point, head, network, step
from mnist_study.core.arithmetic.network import UnsupportedError
from mnist_study.core.errors import UserError
from tests.core.arithmetic.networks import batch, networks


def run(model: nn.Sequential, given_batch: step.Batch, smoothing: float = 0.0) -> tuple[step.Result, list[Tensor]]:
    """Give a step's result and gradients by parameter; the model's statistics stay."""
    mine = copy.deepcopy(model)
    known = network.read(mine)
    result = step.forward_backward(known, given_batch, step.dropout_keys(known, 3, 1), smoothing)
    return result, [result.gradients[parameter] for parameter in mine.parameters()]


def reordered(given_batch: step.Batch, order: Tensor) -> step.Batch:
    parts = (given_batch.images, given_batch.largest, given_batch.labels, given_batch.numbers)
    return step.Batch(*(part[order] for part in parts))


@settings(max_examples=25, deadline=None)
@given(model=networks(dropout=0.0), smoothing=st.sampled_from([0.0, 0.1]))
def test_gradients_are_near_those_of_float64(model: nn.Sequential, smoothing: float):
    given_batch = batch(model, 24)
    exact = copy.deepcopy(model).double().train()
    loss = F.cross_entropy(
        exact(given_batch.images.double()), given_batch.labels, label_smoothing=smoothing, reduction="sum"
    )
    loss.backward()
    result, gradients = run(model, given_batch, smoothing)
    assert int(result.losses.sum()) / 2**32 == pytest.approx(loss.item(), rel=0.02)
    theirs = torch.cat([p.grad.flatten() for p in exact.parameters() if p.grad is not None])
    ours = torch.cat([gradient.flatten() for gradient in gradients])
    assert (ours - theirs).norm() < 0.12 * theirs.norm() + 1e-3
    assert not result.diverged


@settings(max_examples=25, deadline=None)
@given(model=networks(), order=st.permutations(range(9)))
def test_the_order_of_images_changes_no_bit(model: nn.Sequential, order: list[int]):
    given_batch, places = batch(model, 9), torch.tensor(order)
    result, gradients = run(model, given_batch)
    other, others = run(model, reordered(given_batch, places))
    assert torch.equal(result.losses[places], other.losses)
    for ours, theirs in zip(gradients, others, strict=True):
        assert torch.equal(ours, theirs)


@settings(max_examples=25, deadline=None)
@given(model=networks())
def test_an_images_logits_depend_on_it_alone(model: nn.Sequential):
    given_batch, known = batch(model, 5), network.read(model)
    together = step.logits(known, given_batch.images, given_batch.largest)
    for place in range(5):
        alone = step.logits(known, given_batch.images[place : place + 1], given_batch.largest[place : place + 1])
        assert torch.equal(together[place : place + 1], alone)


@settings(max_examples=15, deadline=None)
@given(model=networks())
def test_bounds_hold_and_integers_are_integers(model: nn.Sequential):
    """What is rounded with a bound is never beyond it, and float64 holds every integer exactly."""
    real, seen = step.Input.of, []

    def checked(numbers: Tensor, largest: Tensor, bits: int = fixed_point.VALUE) -> step.Input:
        assert (numbers.abs() <= largest).all()
        result = real(numbers, largest, bits)
        assert torch.equal(result.q, result.q.round())
        assert (result.q.abs() <= 2 ** (bits - 1) - 1).all()
        seen.append(bits)
        return result

    with mock.patch.object(step.Input, "of", checked):
        run(model, batch(model, 6))
    assert fixed_point.GRADIENT in seen


@pytest.mark.parametrize("exponent", range(-58, 59, 29))
def test_images_of_any_magnitude_stand_side_by_side(exponent: int):
    """An image's convolution is the same, but for a power of two, whatever stands beside it."""
    layer = nn.Conv2d(1, 3, 3, bias=False)
    model = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    scale = torch.tensor([1.0, 2.0**exponent, 2.0 ** (exponent // 2)]).view(-1, 1, 1, 1)
    largest = images.amax((1, 2, 3), keepdim=True)
    known = network.read(model)
    plain = step.logits(known, images, largest)
    assert torch.equal(step.logits(known, images * scale, largest * scale), plain * scale.flatten(1))


def test_sums_over_images_are_exact_up_to_their_grid_and_have_no_order():
    sums = torch.randint(-(2**33), 2**33, (512, 7), generator=torch.Generator().manual_seed(0)).double()
    units = 2.0 ** torch.randint(-4, 1, (512, 1), generator=torch.Generator().manual_seed(1)).double()
    total = fixed_point.over_images(sums, units)
    assert torch.equal(total, (sums * units).sum(0))
    shuffled = torch.randperm(512, generator=torch.Generator().manual_seed(2))
    assert torch.equal(total, fixed_point.over_images(sums[shuffled], units[shuffled]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2.0**61])
@pytest.mark.parametrize("name", ["0.weight", "0.bias", "2.weight", "2.running_var", "5.weight", "5.bias"])
def test_divergence_does_not_hide(value: float, name: str):
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)]
    model = nn.Sequential(*layers)
    given_batch = batch(model, 4)
    assert not run(model, given_batch)[0].diverged
    with torch.no_grad():
        model.state_dict()[name].flatten()[1] = value
    assert run(model, given_batch)[0].diverged


def test_a_norm_refuses_to_measure_one_value():
    model = nn.Sequential(nn.Conv2d(1, 2, 13), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    run(model, batch(model, 2))
    with pytest.raises(UserError, match="has 1 of 1 x 1 values; allowed are 2 to"):
        run(model, batch(model, 1))


def test_a_loss_has_a_bound():
    logits = torch.tensor([[2.0**40, -(2.0**40)], [0.0, 0.0]])
    losses, slope = head.loss_and_slope(logits, torch.tensor([1, 0]), 0.0)
    assert losses[0].item() == 700 * 2**32
    assert slope[0].tolist() == [1.0, -1.0]


def test_exponents_have_limits_that_infinity_keeps():
    largest = torch.tensor([0.0, 2.0**-90, 0.5, 1.0, 2.0**70, torch.inf, torch.nan])
    assert fixed_point.exponent_of(largest).tolist() == [-60, -60, 0, 1, 60, 60, 60]


def test_an_image_without_gradient_changes_no_weight():
    """Its logits are as sure as float32 can be, so its slope is 0 or below 2^-60."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([500.0, -500.0]))  # type: ignore[union-attr, operator]
    given_batch = batch(model, 4)
    sure = step.Batch(
        given_batch.images, given_batch.largest, torch.zeros_like(given_batch.labels), given_batch.numbers
    )
    result, gradients = run(model, sure)
    assert result.losses.tolist() == [0, 0, 0, 0]
    assert all(not gradient.any() for gradient in gradients)


def test_pooling_hands_back_to_the_first_of_equals_and_leaves_an_odd_edge_out():
    values = torch.zeros(1, 1, 3, 5)
    back = chain.unpooled(values, torch.tensor([[[[7.0, 9.0]]]]))
    assert back[0, 0].tolist() == [[7, 0, 9, 0, 0], [0] * 5, [0] * 5]


@pytest.mark.parametrize(
    ("layers", "what"),
    [
        ([nn.Conv2d(1, 4, 3), nn.Tanh()], "Tanh() (number 1)"),
        ([nn.Conv2d(1, 4, 3, stride=2)], "number 0"),
        ([nn.Conv2d(1, 4, (3, 5))], "number 0"),
        ([nn.ReLU(), nn.Conv2d(1, 4, 3)], "layer number 0, ReLU(), stands where"),
        ([nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU()], "layer number 2"),
        ([nn.Conv2d(1, 4, 3)], "does not average"),
        ([nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.ReLU()], "behind the average"),
    ],
)
def test_a_network_that_is_not_defined_is_named(layers: list[nn.Module], what: str):
    with pytest.raises(UnsupportedError, match=what.replace("(", r"\(").replace(")", r"\)")):
        network.read(nn.Sequential(*layers))
