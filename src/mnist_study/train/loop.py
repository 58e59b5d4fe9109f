"""The training loop: one seed of one variant, on one thread of the processor or on a GPU.

Everything random in an epoch is drawn from (seed, epoch): the order of the images, their augmentation, the dropout.
So variants with the same seed see the same draws, and an epoch does not depend on how the one before it was reached.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_study.core.augmentation import Policy, augment, draw
from mnist_study.core.errors import UserError
from mnist_study.core.inference import all_logits, measure
from mnist_study.core.mnist import Split
from mnist_study.core.randomness import stream
from mnist_study.core.recipe import Recipe
from mnist_study.train import schedules
from mnist_study.train.checkpoint import Checkpoint, State
from mnist_study.train.engines import Engine
from mnist_study.train.messages import Progress

PROGRESS_STEPS = 20  # steps between two progress messages
CHUNK = 256  # images augmented at once: fewer cost more calls, more do not fit the cache


def train(
    model: nn.Module,
    engine: Engine,
    recipe: Recipe,
    seed: int,
    policy: Policy,
    training: Split,
    observed: dict[str, Split],
    report: Callable[[Progress], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train the engine's model; give the network to evaluate (its running average where asked for) and the history.

    The history has a row per epoch: number, learning rate in its last step, training loss and accuracy (percent, of
    augmented images while they were learnt), and loss and accuracy of each `observed` split by name. Observing
    changes no weight. Training goes on from the checkpoint if there is one, and leaves one after each epoch but the
    last. Raises UserError when the loss or, after an epoch, a weight is not finite.
    """
    state = begin(model, recipe, steps_per_epoch=math.ceil(len(training) / recipe.batch_size))
    optimiser, schedule, average, history = state.optimiser, state.schedule, state.average, state.history
    final = model if average is None else average.module
    if checkpoint is not None:
        checkpoint.restore(state)

    for epoch in range(len(history) + 1, recipe.epochs + 1):
        engine.begin_epoch(stream("dropout", seed, epoch))
        generator = torch.Generator().manual_seed(stream("data", seed, epoch))
        annealing = epoch > recipe.epochs - recipe.anneal_epochs
        current = policy.annealed(recipe.anneal_strength) if annealing else policy
        lr, loss_sum, correct, seen, step = 0.0, 0.0, 0, 0, 0

        for step, (images, labels) in enumerate(batches(training, recipe.batch_size, current, generator), start=1):
            lr = optimiser.param_groups[0]["lr"]
            loss, predicted = engine.forward_backward(images, labels)
            if not math.isfinite(loss):
                raise UserError(diverged(recipe, seed, epoch, step, lr, f"loss became {loss}"))
            optimiser.step()
            if average is not None:
                average.update_parameters(model)
            schedules.after_step(schedule)
            loss_sum += loss * len(labels)
            correct += int((predicted == labels).sum())
            seen += len(labels)
            if step % PROGRESS_STEPS == 0:
                report(Progress(seed, epoch, seen, len(training), loss_sum / seen, 100 * correct / seen))

        if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
            raise UserError(diverged(recipe, seed, epoch, step, lr, "weights are no longer finite"))
        schedules.after_epoch(schedule, loss_sum / seen)
        row = {"epoch": epoch, "lr": lr, "train_loss": loss_sum / seen, "train_accuracy": 100 * correct / seen}
        for name, split in observed.items():
            row |= measure(all_logits(partial(engine.logits, final), split.images, policy), split.labels, name)
        history.append(row)
        if checkpoint is not None and epoch < recipe.epochs:
            checkpoint.save(state)
        report(Progress(seed, epoch, seen, seen, loss_sum / seen, 100 * correct / seen, epoch_ended=row))

    return final, history


def begin(model: nn.Module, recipe: Recipe, steps_per_epoch: int) -> State:
    """Give the initial state: zero momentum, the first learning rate of the schedule, an empty average."""
    optimiser = torch.optim.SGD(
        decay_groups(model, recipe.weight_decay),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )
    for parameter in model.parameters():  # from the start and in the parameter's layout, resumed or not
        optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    schedule = schedules.build(
        recipe.scheduler, recipe.scheduler_options, optimiser, epochs=recipe.epochs, steps_per_epoch=steps_per_epoch
    )
    average = None
    if recipe.ema > 0:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    return State(model, optimiser, schedule, average, history=[])


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the parameters: matrices and filters decay, biases and batch norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def batches(split: Split, size: int, policy: Policy, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one shuffled epoch: augmented images [N, 1, side, side] and labels [N]; the last batch may be smaller."""
    device = split.images.device
    order = torch.randperm(len(split), generator=generator).to(device)
    draws = draw(len(split), generator).to(device)
    chunk = max(CHUNK // size, 1) * size
    for chosen, chosen_draws in zip(order.split(chunk), draws.split(chunk), strict=True):
        images = augment(split.images[chosen], policy, chosen_draws)
        yield from zip(images.split(size), split.labels[chosen].split(size), strict=True)


def diverged(recipe: Recipe, seed: int, epoch: int, step: int, lr: float, what: str) -> str:
    """Word the error of a training that diverged."""
    return (
        f"variants.{recipe.variant}: seed {seed}, epoch {epoch}, step {step}: {what} at learning rate {lr:g};"
        " nothing was written; try a lower learning rate"
    )
