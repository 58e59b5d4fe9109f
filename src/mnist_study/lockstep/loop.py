"""Train many networks to their ends: `train.loop` for all of them, epoch by epoch."""

import gc
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mnist_study import kernels
from mnist_study.core.arithmetic import scoring, step
from mnist_study.core.arithmetic.fixed_point import bounded
from mnist_study.core.arithmetic.head import LOSS_UNITS
from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep.networks import Networks
from mnist_study.lockstep.training import Training
from mnist_study.train.loop import PROGRESS_STEPS, diverged
from mnist_study.train.messages import Note, Progress

CHUNK = 4096  # images that are augmented at once
Report = Callable[[Progress | Note], None]


def train(trainings: Sequence[Training], split: Split, observed: dict[str, Split], report: Report) -> None:
    """Train all to the end: networks of one kind (`kind`), in groups that the memory has room for.

    Where it has not, groups are half as large, and a line says so. No work is lost: states change only when an epoch is
    done. Raises UserError where `train.loop.train` does.
    """
    device = trainings[0].recipe.device
    split, observed = split.to(device), {name: each.to(device) for name, each in observed.items()}
    left, most = list(trainings), len(trainings)
    while left:
        fits = True
        try:
            _train_group(left[:most], split, observed, report)
            left = left[most:]
        except torch.OutOfMemoryError:
            if min(most, len(left)) == 1:
                raise
            fits = False
        if not fits:  # outside, where no traceback holds the tensors
            gc.collect()
            torch.cuda.empty_cache()
            tried = min(most, len(left))
            most = -(-tried // 2)
            line = f"not enough memory for {tried} networks at once; {most} from now on"
            report(Note(f"variants.{left[0].recipe.variant}: {line}"))


def kind(recipe: Recipe, policy: Policy) -> str:
    """Name what networks that train together have in common: all but seeds, rates, schedules and augmentation."""
    return repr(
        (
            *(recipe.architecture, sorted(recipe.model.items()), recipe.batch_size, recipe.epochs),
            *(recipe.momentum, recipe.nesterov, recipe.weight_decay, recipe.label_smoothing, recipe.ema),
            *(recipe.validation, recipe.device, policy.mean, policy.sd),
        )
    )


def _train_group(trainings: Sequence[Training], split: Split, observed: dict[str, Split], report: Report) -> None:
    """After a kill some networks may be an epoch behind the others; they go first."""
    networks = None
    while (done := min(each.epochs for each in trainings)) < trainings[0].recipe.epochs:
        behind = [each for each in trainings if each.epochs == done]
        if networks is None or networks.count != len(behind):
            del networks  # before the next is made
            networks = _networks(behind, split)
        _train_epoch(networks, behind, split, observed, report)


def _networks(trainings: Sequence[Training], split: Split) -> Networks:
    one, total, side = trainings[0], len(split), split.images.shape[2]
    size = min(one.recipe.batch_size, total)
    sizes = {size, total % size or size}
    policy = one.policy
    return Networks(one.state.model, one.recipe, policy.mean, policy.sd, len(trainings), side, sizes)


def _train_epoch(
    networks: Networks, trainings: Sequence[Training], split: Split, observed: dict[str, Split], report: Report
) -> None:
    recipe, total, epoch = trainings[0].recipe, len(split), trainings[0].epochs + 1
    size, steps = recipe.batch_size, -(-total // recipe.batch_size)
    first_step = (epoch - 1) * steps
    rates = _rates(trainings, first_step, steps)
    on_device = torch.tensor(rates, device=recipe.device)
    chosen = torch.stack([_order(each, total, epoch) for each in trainings])
    pixels = torch.stack([_augmented(each, split, one, epoch) for each, one in zip(trainings, chosen, strict=True)])
    for number, each in enumerate(trainings):
        networks.put(number, each.state.model, each.state.average, each.state.optimiser.buffer)
    networks.begin_epoch(torch.stack([_dropout(networks, each.seed, epoch) for each in trainings]))

    def progress(seen: int) -> list[Progress]:
        """Look how far all are; raises UserError where one diverged."""
        signs = []
        for number, (each, (loss, correct, failed)) in enumerate(zip(trainings, networks.totals(), strict=True)):
            if failed:
                raise UserError(diverged(each.recipe, each.seed, epoch, failed, rates[failed - 1][number]))
            signs.append(Progress(each.seed, epoch, seen, total, loss / LOSS_UNITS / seen, 100 * correct / seen))
        return signs

    for number in range(steps):
        part = slice(number * size, (number + 1) * size)
        labels = split.labels[chosen[:, part]]
        networks.step(pixels[:, part], labels, chosen[:, part], on_device[number])
        if first_step + number == 0:
            networks.begin_average()
        if (number + 1) % PROGRESS_STEPS == 0:
            for sign in progress((number + 1) * size if number + 1 < steps else total):
                report(sign)

    signs = progress(total)
    measured = _measure(networks, observed)
    for number, (each, sign, scores) in enumerate(zip(trainings, signs, measured, strict=True)):
        state, rate = each.state, rates[-1][number]
        networks.take(number, state.model, state.average, state.optimiser.buffer)
        if not bounded(tensor for tensor in state.model.state_dict().values() if tensor.is_floating_point()):
            raise UserError(diverged(each.recipe, each.seed, epoch, steps, rate))
        row = {"epoch": epoch, "lr": rate, "train_loss": sign.loss, "train_accuracy": sign.accuracy} | scores
        state.schedule.after_epoch(epoch, sign.loss)
        state.history.append(row)
        if each.checkpoint is not None:  # after the last epoch as well: others may not be done
            each.checkpoint.save(state)
        report(Progress(each.seed, epoch, total, total, sign.loss, sign.accuracy, epoch_ended=row))


def _rates(trainings: Sequence[Training], first: int, steps: int) -> list[list[float]]:
    """Give the rate of each step and network; the networks of one variant share a schedule that changes in an epoch."""
    by_variant: dict[str, list[float]] = {}

    def of(training: Training) -> list[float]:
        schedule, variant = training.state.schedule, training.recipe.variant
        if schedule.name != "one_cycle":
            return [schedule.rate] * steps
        if variant not in by_variant:
            by_variant[variant] = []
            for number in range(steps):
                schedule.before_step(first + number)
                by_variant[variant].append(schedule.rate)
        schedule.rate = by_variant[variant][-1]
        return by_variant[variant]

    return [list(step) for step in zip(*map(of, trainings), strict=True)]


def _order(training: Training, total: int, epoch: int) -> Tensor:
    with torch.device(training.recipe.device):
        return order(total, key("order", training.seed, epoch))


def _augmented(training: Training, split: Split, chosen: Tensor, epoch: int) -> Tensor:
    """Augment all images of an epoch, in their order: int16 [N, H, W]."""
    recipe, policy = training.recipe, training.policy
    if epoch > recipe.epochs - recipe.anneal_epochs:
        policy = policy.annealed(recipe.anneal_strength)
    parts = (kernels.augment(split.images[part], part, policy, training.seed, epoch) for part in chosen.split(CHUNK))
    return torch.cat([part.short() for part in parts])


def _dropout(networks: Networks, seed: int, epoch: int) -> Tensor:
    return torch.stack([torch.stack(each) for each in step.dropout_keys(networks.one.network, seed, epoch)])


def _measure(networks: Networks, observed: dict[str, Split]) -> list[dict[str, float]]:
    """Give loss and accuracy of each split, for each network."""
    measured: list[dict[str, float]] = [{} for _ in range(networks.count)]
    for name, split in observed.items():
        for row, logits in zip(measured, networks.logits(split.images), strict=True):
            row |= scoring.measure(logits, split.labels, name)
    return measured
