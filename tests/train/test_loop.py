"""What the loop promises, seen by an engine that learns nothing: who draws what, who watches what, what is averaged."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_study import architectures
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.optimiser import move_average
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import engines
from mnist_study.train.loop import train
from tests.train.test_training import ROTATE

ONES = (1.0,) * 9
IMAGES = 96  # in an epoch; a label is its image's place
WIDE = Policy(ROTATE.mean, ROTATE.sd, {"scale": (0.5, 2.0)}, ROTATE.kinds)


class Recorder:
    """Notes what it is shown, pushes every weight by 1, and tells the losses that it was given, one an epoch."""

    descend, average = staticmethod(Reference.descend), staticmethod(move_average)

    def __init__(self, model: nn.Module, losses: Sequence[float] = ONES, observed: Sequence[float] = ONES) -> None:
        self.model, self.losses, self.observed = model, losses, observed
        self.epochs: list[int] = []
        self.orders: list[list[int]] = []
        self.pixels: list[Tensor] = []
        self.steps: list[Tensor] = []  # the first weight before each step

    def begin_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)
        self.orders.append([])

    def forward_backward(self, pixels: Tensor, labels: Tensor, numbers: Tensor) -> Result:
        assert torch.equal(labels, numbers)
        self.orders[-1] += labels.tolist()
        self.pixels.append(pixels)
        self.steps.append(next(self.model.parameters()).detach().clone())
        gradients: dict[Tensor, Tensor] = {}
        for parameter in self.model.parameters():
            gradients[parameter] = torch.full_like(parameter, len(labels))
        loss = torch.full((len(labels),), int(self.losses[len(self.epochs) - 1] * LOSS_UNITS))
        return Result(loss, labels, gradients, torch.tensor(False))

    def scores(self, network: nn.Module) -> "Recorder":
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Logits of class 0 that give label 0 the loss that was asked for."""
        loss = torch.tensor(self.observed[len(self.epochs) - 1])
        right = torch.log(9 / (loss.exp() - 1))  # cross entropy is log(1 + 9 exp(-score))
        return F.pad(right.expand(len(images), 1), (0, 9))


def recorded(
    recipe: Recipe, *, seed: int = 0, policy: Policy = ROTATE, **losses: Any
) -> tuple[Recorder, nn.Module, list[dict[str, Any]]]:
    torch.manual_seed(0)
    model = architectures.build("two_pool")
    engine = Recorder(model, **losses)
    pixels = torch.randint(0, 256, (IMAGES, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    training = Split(pixels, torch.arange(IMAGES))
    observed = {"test": Split(pixels[:9], torch.zeros(9, dtype=torch.long))}
    recipe = replace(recipe, batch_size=32, momentum=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "make", lambda *arguments: engine)
        return engine, *train(model, recipe, seed, policy, training, observed, lambda sign: None)


def test_each_seed_and_epoch_has_an_order_of_its_own_whatever_the_policy(recipe: Recipe):
    orders = {
        (seed, name): recorded(recipe, seed=seed, policy=policy)[0].orders
        for seed in (0, 1)
        for name, policy in (("rotate", ROTATE), ("wide", WIDE))
    }
    assert orders[0, "rotate"] == orders[0, "wide"]
    assert orders[1, "rotate"] == orders[1, "wide"]
    different = [*orders[0, "rotate"], *orders[1, "rotate"]]
    assert len({tuple(order) for order in different}) == len(different) == 4
    assert all(sorted(order) == list(range(IMAGES)) for order in different)


def test_each_epoch_is_augmented_in_its_own_way(recipe: Recipe):
    engine = recorded(recipe, seed=3)[0]
    assert engine.epochs == [1, 2]
    place = [order.index(7) for order in engine.orders]
    first, second = (torch.cat(engine.pixels[3 * epoch : 3 * epoch + 3])[place[epoch]] for epoch in (0, 1))
    assert not torch.equal(first, second)
    again = recorded(recipe, seed=3)[0]
    assert all(torch.equal(*pair) for pair in zip(engine.pixels, again.pixels, strict=True))


def test_the_history_is_what_was_seen(recipe: Recipe):
    options = {"step_size": 1, "gamma": 0.1}
    recipe = replace(recipe, scheduler="step", scheduler_options=options, lr=0.5)
    _, _, history = recorded(recipe, losses=[2.0, 3.0], observed=[0.5, 0.25])
    assert [row["lr"] for row in history] == pytest.approx([0.5, 0.05])
    assert [row["train_loss"] for row in history] == [2.0, 3.0]
    assert [row["train_accuracy"] for row in history] == [100.0, 100.0]  # the recorder answers with the label
    assert [row["test_loss"] for row in history] == pytest.approx([0.5, 0.25])


def test_plateau_watches_the_training_loss_and_no_other(recipe: Recipe):
    options = {"factor": 0.1, "patience": 0, "threshold": 0.0}
    recipe = replace(recipe, scheduler="plateau", scheduler_options=options, epochs=4, lr=0.5)
    up, down = [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]
    _, _, falls = recorded(recipe, losses=down, observed=up)
    _, _, rises = recorded(recipe, losses=up, observed=down)
    assert [row["lr"] for row in falls] == [0.5] * 4
    assert [row["lr"] for row in rises] == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_the_weights_are_those_after_the_last_epoch_however_bad(recipe: Recipe):
    recipe = replace(recipe, epochs=3, lr=0.5)
    engine, final, _ = recorded(recipe, observed=[0.1, 1.0, 2.0])
    assert torch.allclose(next(final.parameters()), engine.steps[0] - 9 * 0.5)


def test_the_average_is_taken_after_every_step(recipe: Recipe):
    engine, final, _ = recorded(replace(recipe, epochs=2, lr=0.5, ema=0.9))
    weights = [*engine.steps[1:], engine.steps[-1] - 0.5]
    expected = weights[0]
    for weight in weights[1:]:
        expected = 0.9 * expected + 0.1 * weight
    assert torch.allclose(next(final.parameters()), expected, atol=1e-6)


def test_decay_and_momentum_are_those_of_the_recipe(recipe: Recipe):
    """Each step of the plain run is lr, so what differs is theirs."""
    plain, decayed = (recorded(replace(recipe, weight_decay=decay, lr=0.1))[0].steps for decay in (0.0, 0.5))
    for before, after in pairwise(decayed):
        assert torch.allclose(after, before - 0.1 * (1 + 0.5 * before), atol=1e-6)
    assert not torch.equal(plain[1], decayed[1])
