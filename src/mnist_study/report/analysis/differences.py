"""Differences between accuracies: each with its 95 % interval and its p value, several of them judged together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mnist_study.report.analysis.intervals import LEVEL, Noise

POWER = 0.8  # the chance that a difference of the size found is significant with that many seeds


@dataclass(frozen=True)
class Difference:
    """A difference in points of accuracy, the ends of its interval, and its p value.

    `error` is its standard error; interval and p value hold for `among` such differences at once.
    """

    value: float
    low: float
    high: float
    p: float
    error: float
    among: int = 1

    def __neg__(self) -> "Difference":
        """Turn it round."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low)


def student(value: float, error: float, df: float, among: int = 1) -> Difference:
    """Give a difference by Student's t from its standard error; interval and p value hold for so many at once.

    That is Bonferroni's method. All is rounded, so that a tie such as 0.0625 is printed alike on every machine.
    """
    p = float(value == 0)
    if error:
        p = min(1.0, among * 2 * float(stats.t.sf(abs(value) / error, df)))
    half = float(stats.t.isf((1 - LEVEL) / (2 * among), df)) * error
    value, low, high, p, error = (round(float(each), 9) for each in (value, value - half, value + half, p, error))
    return Difference(value, low, high, p, error, among)


def welch(value: float, one: Noise, seeds: int, other: Noise, others: int, among: int) -> Difference:
    """Give the difference between the means of two rows as `student` does, with Welch's degrees of freedom."""
    first, second = one.sd**2 / seeds, other.sd**2 / others
    df = one.df
    if one != other and first + second:
        df = (first + second) ** 2 / (first**2 / one.df + second**2 / other.df)
    return student(value, math.sqrt(first + second), df, among)


def highest(found: Sequence[Difference]) -> Difference:
    """Give the largest of several true differences, from their simultaneous intervals.

    One that is significantly above 0 is enough; for the largest to be below, all must be.
    """
    above = min((each.p for each in found if each.value > 0), default=1.0)
    below = max(each.p if each.value < 0 else 1.0 for each in found)
    low, high = max(each.low for each in found), max(each.high for each in found)
    return replace(max(found, key=lambda each: each.value), low=low, high=high, p=min(above, below))


def lowest(found: Sequence[Difference]) -> Difference:
    """Give the smallest of several true differences, as `highest` does the largest."""
    return -highest([-each for each in found])


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values for the family-wise error rate (Holm, 1979).

    As statsmodels' multipletests, which calls the garbage collector each time: a second in all, here.
    """
    order, adjusted = np.argsort(values), np.empty(len(values))
    scaled = np.take(values, order) * np.arange(len(values), 0, -1) if len(values) else []
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted.tolist()


def seeds_to_settle(found: Difference, seeds: int, tests: int) -> int | None:
    """Give the seeds a row with which this difference would most likely be significant among so many tests.

    That is with a chance of POWER if the true difference is the one found, by normal approximation, with Bonferroni's
    level. None where no difference was found.
    """
    if not found.value:
        return None
    level = stats.norm.isf((1 - LEVEL) / (2 * tests * found.among)) + stats.norm.ppf(POWER)
    return math.ceil(seeds * (found.error / found.value * level) ** 2)
