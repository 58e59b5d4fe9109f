"""95 % intervals of accuracies, in percent, and the spread of networks that differ by their seed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

TEST_IMAGES = 10_000
LEVEL = 0.95

Interval = tuple[float, float]


def wilson(accuracy: float, images: int = TEST_IMAGES) -> Interval:
    """Give Wilson's interval for an accuracy on so many images: it allows for other images."""
    ends: Any = proportion_confint(accuracy / 100 * images, images, 1 - LEVEL, method="wilson")
    return 100 * float(ends[0]), 100 * float(ends[1])


def mean_interval(accuracies: Sequence[float]) -> Interval:
    """Give Student's interval for the mean over seeds: it allows for other seeds, on the same images.

    Raises ValueError for fewer than two seeds.
    """
    if len(accuracies) < 2:
        raise ValueError("an interval of a mean needs two seeds or more")
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(accuracies) - 1) * stats.sem(accuracies))
    mean = float(np.mean(accuracies))
    return mean - half, mean + half


def two_proportions(ours: float, published: float, images: int = TEST_IMAGES) -> Interval:
    """Give Agresti and Caffo's interval of ours less published, as if each accuracy had test images of its own."""
    first, second = (accuracy / 100 * images for accuracy in (ours, published))
    ends: Any = confint_proportions_2indep(first, images, second, images, "agresti-caffo", alpha=1 - LEVEL)
    return 100 * float(ends[0]), 100 * float(ends[1])


@dataclass(frozen=True)
class Noise:
    """The spread of networks that differ by their seed: standard deviation in points, and its degrees of freedom."""

    sd: float
    df: int

    def run_error(self, seeds: int) -> float:
        """Give the standard error of the difference between one more network and the mean of so many."""
        return self.sd * math.sqrt(1 + 1 / seeds)

    def run_margin(self, seeds: int) -> float:
        """Give the margin of the difference between one more network and the mean of so many (Student's t)."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.df)) * self.run_error(seeds)


def seed_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Pool the variance within groups of networks that differ by their seed; None where no group has two."""
    repeated = [np.asarray(group, np.float64) for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    if not df:
        return None
    return Noise(math.sqrt(sum(float(((group - group.mean()) ** 2).sum()) for group in repeated) / df), df)
