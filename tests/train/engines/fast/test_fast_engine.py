"""The fast engine held against PyTorch in float64: every architecture, and networks made up by hypothesis."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from torch import nn

from mnist_study import architectures
from mnist_study.core.recipe import Recipe
from mnist_study.train.engines.fast import FastEngine, unsupported
from mnist_study.train.replica import read_splits, train_one
from tests.support.float64 import ARCHITECTURES, IMAGES, digits, networks, reference, relative, with_choices_of
from tests.train.test_training import ROTATE

pytestmark = pytest.mark.usefixtures("checked_kernels")


def assert_equal_step(model: nn.Sequential, recipe: Recipe, count: int = IMAGES, floor: float = 1e-3) -> None:
    """Take a step with both; compare loss, classes, gradients, running statistics, and logits afterwards.

    `floor` is the size below which a gradient or statistic is nothing but rounding.
    """
    images, labels = digits(count)
    exact = reference(model, seed=7)
    fast = FastEngine(model, recipe)
    fast.begin_epoch(7)
    loss, predicted = fast.forward_backward(images, labels)
    same_choices = with_choices_of(fast, copy.deepcopy(exact), count)
    F.cross_entropy(same_choices(images.double()), labels, label_smoothing=recipe.label_smoothing).backward()
    for (name, ours), theirs in zip(model.named_parameters(), same_choices.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert relative(ours.grad, theirs.grad, floor) < 1e-4, name

    logits = exact(images.double())
    exact_loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    assert loss == pytest.approx(exact_loss.item(), rel=1e-4)
    assert torch.equal(predicted, logits.argmax(1))
    for (name, ours), theirs in zip(model.named_buffers(), exact.buffers(), strict=True):
        assert relative(ours, theirs.double(), floor) < 1e-4, name
    exact.eval()
    others = digits(20, seed=1)[0]
    assert relative(fast.logits(model, others), exact(others.double())) < 1e-4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_equals_float64(architecture: str, recipe: Recipe):
    torch.manual_seed(3)
    model = architectures.build(architecture, **ARCHITECTURES[architecture])
    assert unsupported(model, replace(recipe, batch_size=IMAGES), 60_000) is None
    assert_equal_step(model, replace(recipe, batch_size=IMAGES, label_smoothing=0.1))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=networks())
def test_any_order_of_known_layers_equals_float64(model: nn.Sequential, recipe: Recipe):
    assert unsupported(model, replace(recipe, batch_size=16), 160) is None
    assert_equal_step(
        model, replace(recipe, batch_size=16), count=16, floor=0.3
    )  # a norm after one channel of tiny weight cancels most of it


def test_a_short_last_batch_equals_float64(recipe: Recipe):
    torch.manual_seed(3)
    assert_equal_step(architectures.build("two_pool"), replace(recipe, batch_size=64), count=16)


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_used_again_learns_from_each_use(bias: bool, recipe: Recipe):
    torch.manual_seed(3)
    again, small = nn.Conv2d(6, 6, 3, padding=1, bias=bias), nn.Conv2d(6, 6, 1, bias=bias)
    layers = [nn.Conv2d(1, 6, 3), again, nn.BatchNorm2d(6), nn.ReLU(), small, again, nn.MaxPool2d(2), again, small]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10))
    assert unsupported(model, recipe, 640) is None
    assert_equal_step(model, replace(recipe, batch_size=IMAGES))


def test_dropout_in_the_head_is_seeded_as_well(recipe: Recipe):
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 10)]
    model = nn.Sequential(nn.Conv2d(1, 4, 3), *head)
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    losses = []
    for seed in (1, 1, 2):
        fast.begin_epoch(seed)
        losses.append(fast.forward_backward(*digits(IMAGES))[0])
    assert losses[0] == losses[1] != losses[2]


def test_scores_of_an_average_are_its_own(recipe: Recipe):
    torch.manual_seed(3)
    model, other = architectures.build("two_pool"), architectures.build("two_pool")
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    images = digits(20)[0]
    ours = fast.logits(other, images)
    assert relative(ours, copy.deepcopy(other).double().eval()(images.double())) < 1e-5
    assert model.training
    assert other.training


def test_equal_seeds_drop_equal_pixels_and_the_next_step_drops_others(recipe: Recipe):
    torch.manual_seed(3)
    model = architectures.build("two_pool", dropout=0.3)
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    images, labels = digits(IMAGES)
    losses = []
    for seed in (1, 1, 2):
        fast.begin_epoch(seed)
        losses.append([fast.forward_backward(images, labels)[0] for _ in range(2)])
    assert losses[0] == losses[1] != losses[2]
    assert losses[0][0] != losses[0][1]


def test_an_epoch_goes_as_in_the_torch_engine(recipe: Recipe, tiny_mnist: Path):
    """Ten steps at a rate that makes rounding grow but little: the curves lie on one another."""
    calm = replace(recipe, architecture="vanilla", lr=0.01, epochs=1)
    rows, splits = {}, read_splits(calm, tiny_mnist)
    for name in ("torch", "fast"):
        rows[name] = train_one(replace(calm, engine=name), 0, ROTATE, *splits, lambda sign: None)
    assert (rows["torch"].engine, rows["fast"].engine) == ("torch", "fast")
    ours, theirs = rows["fast"].history[0], rows["torch"].history[0]
    assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-3)
    assert ours["test_loss"] == pytest.approx(theirs["test_loss"], rel=1e-2)
    assert ours["train_accuracy"] == pytest.approx(theirs["train_accuracy"], abs=1.0)
