"""The training loop: one seed of one variant, on one thread of the processor.

Everything random in an epoch is drawn from (seed, epoch): the order of the images, their augmentation, the dropout.
So variants with the same seed see the same draws, and an epoch does not depend on how the one before it was reached.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_study import schedules
from mnist_study.augmentation import Policy, augment, draw
from mnist_study.errors import StudyError
from mnist_study.inference import accuracy, scores
from mnist_study.mnist import Split
from mnist_study.recipe import Recipe

PROGRESS_STEPS = 20  # steps between two signs of life


@dataclass(frozen=True)
class Progress:
    """A sign of life: where training stands; `epoch_ended` carries the finished epoch's row of the history."""

    seed: int
    epoch: int
    images: int
    loss: float
    accuracy: float
    epoch_ended: dict[str, Any] | None = None


def train(
    model: nn.Module,
    recipe: Recipe,
    seed: int,
    policy: Policy,
    training: Split,
    observed: dict[str, Split],
    report: Callable[[Progress], None],
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train the model; give the network to evaluate (its running average where the recipe asks) and the history.

    The history has a row per epoch: number, learning rate in its last step, training loss and accuracy (percent, of
    augmented images while they were learnt), and loss and accuracy of each `observed` split by name. Observing
    changes no weight. Raises StudyError when the loss is not finite.
    """
    model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        decay_groups(model, recipe.weight_decay),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
    )
    steps = math.ceil(len(training) / recipe.batch_size)
    schedule = schedules.build(
        recipe.scheduler, recipe.scheduler_options, optimiser, epochs=recipe.epochs, steps_per_epoch=steps
    )
    average = None
    if recipe.ema > 0:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    final = model if average is None else average.module
    history = []

    for epoch in range(1, recipe.epochs + 1):
        generator = begin_epoch(seed, epoch)
        order = torch.randperm(len(training), generator=generator)
        draws = draw(len(training), generator)
        lr, loss_sum, correct, seen = 0.0, 0.0, 0, 0
        model.train()

        for step, batch in enumerate(order.split(recipe.batch_size), start=1):
            images = augment(training.images[batch], policy, draws[seen : seen + len(batch)])
            labels = training.labels[batch]
            lr = optimiser.param_groups[0]["lr"]
            loss, predicted = learn(model, images, labels, optimiser, recipe)
            if not math.isfinite(loss):
                raise StudyError(diverged(recipe, seed, epoch, step, lr, loss))
            if average is not None:
                average.update_parameters(model)
            schedules.after_step(schedule)
            loss_sum += loss * len(batch)
            correct += int((predicted == labels).sum())
            seen += len(batch)
            if step % PROGRESS_STEPS == 0:
                report(Progress(seed, epoch, seen, loss_sum / seen, 100 * correct / seen))

        schedules.after_epoch(schedule, loss_sum / seen)
        row = {
            "epoch": epoch,
            "lr": lr,
            "train_loss": loss_sum / seen,
            "train_accuracy": 100 * correct / seen,
        }
        for name, split in observed.items():
            row |= observe(final, split, policy, name)
        history.append(row)
        report(Progress(seed, epoch, seen, loss_sum / seen, 100 * correct / seen, epoch_ended=row))

    return final, history


def learn(
    model: nn.Module, images: Tensor, labels: Tensor, optimiser: torch.optim.Optimizer, recipe: Recipe
) -> tuple[float, Tensor]:
    """Take one step of gradient descent; give the batch's mean loss and the predicted classes."""
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
        batch_scores = model(images)
    loss = F.cross_entropy(batch_scores.float(), labels, label_smoothing=recipe.label_smoothing)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item(), batch_scores.argmax(1)


def observe(model: nn.Module, split: Split, policy: Policy, name: str) -> dict[str, float]:
    """Measure loss and accuracy of a split, under keys that begin with its name."""
    split_scores = scores(model, split.images, policy)
    loss = F.cross_entropy(split_scores, split.labels).item()
    return {f"{name}_loss": loss, f"{name}_accuracy": accuracy(split_scores, split.labels)}


def diverged(recipe: Recipe, seed: int, epoch: int, step: int, lr: float, loss: float) -> str:
    """Word the error of a loss that is not finite."""
    return (
        f"variants.{recipe.variant}: the loss of seed {seed} became {loss} in epoch {epoch}, step {step}, at learning"
        f" rate {lr:g}; nothing was written; a smaller lr is the usual mend"
    )


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Part the parameters: matrices and filters decay, biases and batch norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def begin_epoch(seed: int, epoch: int) -> torch.Generator:
    """Seed what an epoch draws from: torch's global generator for dropout, the one returned for the data."""
    epoch_seed = seed * 1_000_003 + epoch
    torch.manual_seed(epoch_seed)
    return torch.Generator().manual_seed(epoch_seed)
