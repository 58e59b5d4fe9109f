"""Learning rates in Python's float64: the same as torch's schedulers of these names, without their `math.cos`."""

from dataclasses import dataclass, field
from typing import Any

import torch

from mnist_study.core.arithmetic.functions import sine_and_cosine

ENOUGH = 1e-8  # a smaller drop of the rate is not made, as in torch


@dataclass
class Schedule:
    """The learning rate now, and what `plateau` remembers.

    That is `best`, the last training loss below the one before it by the threshold, and `waited`, the epochs since then
    or since the rate last fell.
    """

    name: str
    options: dict[str, Any]
    peak: float
    steps: int  # of the whole training
    rate: float = field(init=False)
    best: float | None = None
    waited: int = 0

    def __post_init__(self) -> None:
        self.rate = self.peak
        self.before_step(0)

    def state(self) -> dict[str, float | int | None]:
        """Give what an epoch passes to the next."""
        return {"rate": self.rate, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.rate, self.best, self.waited = state["rate"], state["best"], state["waited"]

    def before_step(self, step: int) -> None:
        """Set the rate of a step, counted from 0: only `one_cycle` changes within an epoch."""
        if self.name == "one_cycle":
            self.rate = one_cycle(step, self.steps, self.peak, **self.options)

    def after_epoch(self, epoch: int, loss: float) -> None:
        """Set the rate of the next epoch, after `epoch` (from 1) ended with this training loss."""
        match self.name:
            case "step" if epoch % self.options["step_size"] == 0:
                self.rate *= self.options["gamma"]
            case "plateau":
                self._watch(loss, **self.options)

    def _watch(self, loss: float, factor: float, patience: int, threshold: float) -> None:
        if self.best is None or loss < self.best * (1 - threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > patience:
            self.waited = 0
            lower = self.rate * factor
            self.rate = lower if self.rate - lower > ENOUGH else self.rate


def one_cycle(
    step: int, steps: int, peak: float, *, pct_start: float, div_factor: float, final_div_factor: float
) -> float:
    """Give the rate of a step: half a cosine up to the peak, then half a cosine down."""
    first = peak / div_factor
    rise = pct_start * steps - 1
    if step <= rise and rise > 0:
        return _between(first, peak, step / rise)
    return _between(peak, first / final_div_factor, (step - rise) / (steps - 1 - rise))


def _between(start: float, end: float, share: float) -> float:
    cosine = sine_and_cosine(torch.tensor(180 * share, dtype=torch.float64))[1].item()
    return end + (start - end) / 2 * (1 + cosine)
