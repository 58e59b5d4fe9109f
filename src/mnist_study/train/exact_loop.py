"""The training loop in the arithmetic of integers: one seed of one variant, to the same bytes on every processor.

Everything random is a hash of the seed, the epoch and an image's number. So an epoch does not depend on how the one
before it was reached, and no batch on the others.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mnist_study import kernels
from mnist_study.core.arithmetic import network, optimiser, scoring, step
from mnist_study.core.arithmetic.fixed_point import bounded
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.arithmetic.schedules import Schedule
from mnist_study.core.augmentation import Policy
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.recipe import Recipe
from mnist_study.train.checkpoint import Checkpoint
from mnist_study.train.messages import Progress

PROGRESS_STEPS = 20  # steps between two progress messages


@dataclass(frozen=True)
class State:
    """All that one epoch passes to the next."""

    model: nn.Module
    optimiser: Optimiser
    schedule: Schedule
    average: nn.Module | None
    history: list[dict[str, Any]]

    def tensors(self) -> dict[str, Tensor]:
        """Name every tensor that a step changes."""
        named = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            named[f"momentum.{name}"] = self.optimiser.buffers[parameter]
        if self.average is not None:
            named |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        return named

    def facts(self) -> dict[str, Any]:
        """Give all else as plain data."""
        return {"history": self.history, "schedule": self.schedule.state()}

    def resume(self, facts: dict[str, Any]) -> None:
        """Take back what `facts` gave."""
        self.history.extend(facts["history"])
        self.schedule.restore(facts["schedule"])


def train(
    model: nn.Module,
    recipe: Recipe,
    seed: int,
    policy: Policy,
    training: Split,
    observed: dict[str, Split],
    report: Callable[[Progress], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train the model; give the network to evaluate (its running average where asked for) and the history.

    As `loop.train`, whose history it gives. Raises UserError where the arithmetic does not define the network, and when
    a value is not finite, or 2^60 or more.
    """
    known = network.of_variant(model, recipe.variant)
    optimiser.initialise(model, seed)
    arithmetic = kernels.trains(known, training.images, recipe.batch_size, policy.mean, policy.sd)
    state = begin(model, recipe, steps=recipe.epochs * math.ceil(len(training) / recipe.batch_size))
    schedule, history = state.schedule, state.history
    final = known if state.average is None else network.read(state.average)
    scorer = kernels.scores(final, training.images, policy.mean, policy.sd)
    if checkpoint is not None:
        checkpoint.restore(state)

    for epoch in range(len(history) + 1, recipe.epochs + 1):
        annealing = epoch > recipe.epochs - recipe.anneal_epochs
        current = policy.annealed(recipe.anneal_strength) if annealing else policy
        dropout = step.dropout_keys(known, seed, epoch)
        first_step = (epoch - 1) * math.ceil(len(training) / recipe.batch_size)
        loss, correct, seen, number = 0, 0, 0, 0

        for number, (pixels, labels, chosen) in enumerate(batches(training, recipe.batch_size, current, seed, epoch)):
            schedule.before_step(first_step + number)
            try:
                result = arithmetic.forward_backward(pixels, labels, chosen, dropout, recipe.label_smoothing)
            except UserError as error:
                raise UserError(f"variants.{recipe.variant}.batch_size: {recipe.batch_size} given; {error}") from None
            if result.diverged:
                raise UserError(diverged(recipe, seed, epoch, number + 1, schedule.rate))
            arithmetic.descend(state.optimiser, result.gradients, len(labels), schedule.rate)
            if state.average is not None:
                arithmetic.average(state.average, model, recipe.ema, first=first_step + number == 0)
            loss += int(result.losses.sum())
            correct += int((result.predicted == labels).sum())
            seen += len(labels)
            if (number + 1) % PROGRESS_STEPS == 0:
                report(Progress(seed, epoch, seen, len(training), loss / LOSS_UNITS / seen, 100 * correct / seen))

        if not bounded(tensor for tensor in model.state_dict().values() if tensor.is_floating_point()):
            raise UserError(diverged(recipe, seed, epoch, number + 1, schedule.rate))
        mean_loss, accuracy = loss / LOSS_UNITS / seen, 100 * correct / seen
        row = {"epoch": epoch, "lr": schedule.rate, "train_loss": mean_loss, "train_accuracy": accuracy}
        schedule.after_epoch(epoch, mean_loss)
        for name, split in observed.items():
            row |= scoring.measure(scorer.logits(split.images), split.labels, name)
        history.append(row)
        if checkpoint is not None and epoch < recipe.epochs:
            checkpoint.save(state)
        report(Progress(seed, epoch, seen, seen, mean_loss, accuracy, epoch_ended=row))

    return (model if state.average is None else state.average), history


def begin(model: nn.Module, recipe: Recipe, steps: int) -> State:
    """Give the initial state: zero momentum, the first learning rate, an average that the first step makes."""
    momentum = Optimiser(model, recipe.momentum, recipe.weight_decay, nesterov=recipe.nesterov)
    schedule = Schedule(recipe.scheduler, recipe.scheduler_options, recipe.lr, steps)
    average = copy.deepcopy(model) if recipe.ema > 0 else None
    return State(model, momentum, schedule, average, history=[])


def batches(split: Split, size: int, policy: Policy, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield one shuffled epoch: augmented pixels, labels and numbers of images; the last batch may be smaller."""
    for chosen in order(len(split), key("order", seed, epoch)).to(split.images.device).split(size):
        pixels = kernels.augment(split.images[chosen], chosen, policy, seed, epoch)
        yield pixels, split.labels[chosen], chosen


def diverged(recipe: Recipe, seed: int, epoch: int, number: int, rate: float) -> str:
    """Word the error of a training that diverged."""
    return (
        f"variants.{recipe.variant}: seed {seed}, epoch {epoch}, step {number}: a value is not finite, or 2^60 or more,"
        f" at learning rate {rate:g}; nothing was written; try a lower learning rate"
    )
