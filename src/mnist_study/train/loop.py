"""The training loop: one seed of one variant.

Everything random is drawn from the seed, the epoch and an image's number. So an epoch does not depend on how the one
before it was reached, and variants with the same seed see the same draws.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from mnist_study import kernels
from mnist_study.core.arithmetic import scoring
from mnist_study.core.arithmetic.fixed_point import bounded
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.arithmetic.schedules import Schedule
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import engines
from mnist_study.train.checkpoint import Checkpoint, State
from mnist_study.train.messages import Progress

PROGRESS_STEPS = 20  # steps between two progress messages


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

    The history has a row per epoch: number, learning rate in its last step, training loss and accuracy (percent, of
    augmented images while they were learnt), and loss and accuracy of each `observed` split by name. Observing
    changes no weight. Training goes on from the checkpoint if there is one, and leaves one after each epoch but the
    last. Raises UserError where the engine does not take the network, and when a value is not finite, or 2^60 or more.
    """
    engine = engines.make(model, recipe, seed, training.images, policy)
    steps = math.ceil(len(training) / recipe.batch_size)
    state = begin(model, recipe, steps=recipe.epochs * steps)
    schedule, average, history = state.schedule, state.average, state.history
    final = model if average is None else average
    scores = engine.scores(final)
    if checkpoint is not None:
        checkpoint.restore(state)

    for epoch in range(len(history) + 1, recipe.epochs + 1):
        annealing = epoch > recipe.epochs - recipe.anneal_epochs
        current = policy.annealed(recipe.anneal_strength) if annealing else policy
        engine.begin_epoch(epoch)
        loss, correct, seen, number = 0, 0, 0, 0

        for number, (pixels, labels, chosen) in enumerate(batches(training, recipe.batch_size, current, seed, epoch)):
            step = (epoch - 1) * steps + number
            schedule.before_step(step)
            result = engine.forward_backward(pixels, labels, chosen)
            if result.diverged:
                raise UserError(diverged(recipe, seed, epoch, number + 1, schedule.rate))
            engine.descend(state.optimiser, result.gradients, len(labels), schedule.rate)
            if average is not None:
                engine.average(average, model, recipe.ema, first=step == 0)
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
            row |= scoring.measure(scores.logits(split.images), split.labels, name)
        history.append(row)
        if checkpoint is not None and epoch < recipe.epochs:
            checkpoint.save(state)
        report(Progress(seed, epoch, seen, seen, mean_loss, accuracy, epoch_ended=row))

    return final, history


def begin(model: nn.Module, recipe: Recipe, steps: int) -> State:
    """Give the initial state: zero momentum, the first learning rate, an average that the first step overwrites."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    momentum = Optimiser(trained, recipe.momentum, recipe.weight_decay, nesterov=recipe.nesterov)
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
