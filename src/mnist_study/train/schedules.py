"""Learning-rate schedules by name: torch's own, and when each one steps."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)


def build(
    name: str, options: dict[str, Any], optimiser: Optimizer, *, epochs: int, steps_per_epoch: int
) -> LRScheduler:
    """Attach the named schedule to the optimiser; `options` go to torch's class, with torch's names.

    The optimiser's learning rate is where `constant`, `step` and `plateau` begin and the peak of `one_cycle`.
    """
    match name:
        case "constant":
            return ConstantLR(optimiser, factor=1.0)
        case "step":
            return StepLR(optimiser, **options)
        case "plateau":
            return ReduceLROnPlateau(optimiser, mode="min", **options)
        case "one_cycle":
            peak = optimiser.param_groups[0]["lr"]
            steps = epochs * steps_per_epoch
            return OneCycleLR(optimiser, max_lr=peak, total_steps=steps, cycle_momentum=False, **options)
    raise ValueError(f"no schedule is named {name!r}")


def after_step(schedule: LRScheduler) -> None:
    """Step the schedules that step after each batch."""
    if isinstance(schedule, OneCycleLR):
        schedule.step()


def after_epoch(schedule: LRScheduler, training_loss: float) -> None:
    """Step the schedules that step after each epoch; `plateau` watches the training loss."""
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(training_loss)
    elif not isinstance(schedule, OneCycleLR):
        schedule.step()
