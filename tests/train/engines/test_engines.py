"""Which engine trains, and what torch's computes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mnist_study import architectures
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.pixels import STEPS, normalised
from mnist_study.core.mnist import Split
from mnist_study.core.recipe import Recipe
from mnist_study.train import engines
from mnist_study.train.engines.exact_engine import ExactEngine
from mnist_study.train.engines.torch_engine import TorchEngine
from mnist_study.train.loop import begin, train
from tests.train.test_training import ROTATE

IMAGES = torch.randint(0, 256, (32, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
PIXELS, LABELS, NUMBERS = IMAGES.long() * STEPS, torch.arange(32) % 10, torch.arange(32)


def small(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return architectures.build("two_pool", **options)


def test_the_recipe_chooses(recipe: Recipe):
    for name, engine in (("torch", TorchEngine), ("exact", ExactEngine)):
        assert isinstance(engines.make(small(), replace(recipe, engine=name), 0, IMAGES, ROTATE), engine)


def test_torch_gives_the_sums_of_smoothed_cross_entropy(recipe: Recipe):
    model = small()
    result = TorchEngine(model, replace(recipe, label_smoothing=0.1), 0, ROTATE).forward_backward(
        PIXELS, LABELS, NUMBERS
    )
    logits = model(normalised(PIXELS, ROTATE.mean, ROTATE.sd)[0])
    loss = F.cross_entropy(logits, LABELS, label_smoothing=0.1, reduction="sum")
    assert int(result.losses.sum()) / LOSS_UNITS == pytest.approx(loss.item(), rel=1e-5)
    assert torch.equal(result.predicted, logits.argmax(1))
    parameters = list(model.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        torch.testing.assert_close(result.gradients[parameter], gradient, rtol=1e-3, atol=1e-3)


def test_torch_repeats_an_epochs_dropout_and_scores_change_nothing(recipe: Recipe):
    model = small(dropout=0.5)
    engine = TorchEngine(model, recipe, 0, ROTATE)
    engine.begin_epoch(1)
    first = engine.forward_backward(PIXELS, LABELS, NUMBERS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    logits = engine.scores(model).logits(IMAGES)
    assert logits.shape == (32, 10)
    assert not logits.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    engine.begin_epoch(1)
    again = engine.forward_backward(PIXELS, LABELS, NUMBERS)
    assert torch.equal(again.losses, first.losses)
    for parameter, gradient in first.gradients.items():
        torch.testing.assert_close(again.gradients[parameter], gradient, rtol=0, atol=0)
    engine.begin_epoch(2)
    assert not torch.equal(engine.forward_backward(PIXELS, LABELS, NUMBERS).losses, first.losses)


def test_torch_says_where_a_number_is_not_finite(recipe: Recipe):
    model = small()
    engine = TorchEngine(model, recipe, 0, ROTATE)
    assert not engine.forward_backward(PIXELS, LABELS, NUMBERS).diverged
    nn.init.constant_(next(model.parameters()), torch.nan)
    assert engine.forward_backward(PIXELS, LABELS, NUMBERS).diverged


def test_a_parameter_that_is_not_trained_stays_and_one_that_is_not_used_may_be_there(recipe: Recipe):
    model = small()
    frozen = next(model.parameters())
    frozen.requires_grad = False
    model.unused = nn.Parameter(torch.ones(3))
    before = frozen.clone()
    recipe = replace(recipe, batch_size=16, epochs=1, weight_decay=0.1)
    trained, _ = train(model, recipe, 0, ROTATE, Split(IMAGES, LABELS), {}, lambda sign: None)
    assert trained is model
    assert torch.equal(frozen, before)
    assert frozen not in begin(model, recipe, 1).optimiser.buffers


@pytest.mark.parametrize(
    "change", [{"momentum": 0.5}, {"nesterov": True}, {"weight_decay": 0.01}, {"label_smoothing": 0.1}, {"ema": 0.9}]
)
def test_every_choice_of_the_recipe_reaches_the_weights(recipe: Recipe, change: dict[str, Any]):
    found = []
    for one in (recipe, replace(recipe, **change)):
        one = replace(one, batch_size=8, epochs=1)
        final, _ = train(small(), one, 0, ROTATE, Split(IMAGES, LABELS), {}, lambda sign: None)
        found.append(next(final.parameters()))
    assert not torch.equal(*found)
