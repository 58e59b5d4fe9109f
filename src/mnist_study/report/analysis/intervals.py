"""95 % intervals of accuracies and of their differences, all in percent."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

TEST_IMAGES = 10_000
LEVEL = 0.95

Interval = tuple[float, float]
Verdict = Literal["agrees", "higher", "lower"]

_Z = float(stats.norm.ppf((1 + LEVEL) / 2))


def wilson(accuracy: float, images: int = TEST_IMAGES) -> Interval:
    """Give Wilson's interval for an accuracy on so many images: it allows for other images."""
    share = accuracy / 100
    shrink = 1 + _Z**2 / images
    centre = (share + _Z**2 / (2 * images)) / shrink
    half = _Z / shrink * math.sqrt(share * (1 - share) / images + (_Z / (2 * images)) ** 2)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def mean_interval(accuracies: Sequence[float]) -> Interval:
    """Give Student's interval for the mean over seeds: it allows for other seeds, on the same images.

    Raises ValueError for fewer than two seeds.
    """
    if len(accuracies) < 2:
        raise ValueError("an interval of a mean needs two seeds or more")
    values = np.asarray(accuracies, np.float64)
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def difference_interval(ours: float, published: float, seeds: int = 1, images: int = TEST_IMAGES) -> Interval:
    """Give the interval of our mean over seeds less the published accuracy of one run: two proportions, z, unpooled.

    Both were measured on the same test images, but which ones the published run missed is not known, so no paired
    test is possible. Each run counts as if it had drawn its own images. A run that errs on each image independently
    has at most the variance p (1 - p) / images, so the interval is too wide rather than too narrow.
    """
    p, q = ours / 100, published / 100
    half = _Z * math.sqrt(p * (1 - p) / (images * seeds) + q * (1 - q) / images)
    return 100 * (p - q - half), 100 * (p - q + half)


def agrees(ours: float, published: float, seeds: int = 1) -> bool:
    """Tell whether `difference_interval` contains 0."""
    low, high = difference_interval(ours, published, seeds)
    return low <= 0 <= high


def verdict(ours: float, published: float, seeds: int = 1) -> Verdict:
    """Give the comparison in a word."""
    if agrees(ours, published, seeds):
        return "agrees"
    return "higher" if ours > published else "lower"


@dataclass(frozen=True)
class Noise:
    """The spread of networks that differ by their seed: standard deviation in points, and its degrees of freedom."""

    sd: float
    df: int

    def mean_margin(self, seeds: int, means: int = 1) -> float:
        """Give the margin of the mean of so many seeds, or of several such means at once (Bonferroni, Student's t)."""
        return float(stats.t.ppf(1 - (1 - LEVEL) / (2 * means), self.df)) * self.sd / math.sqrt(seeds)

    def run_margin(self, seeds: int) -> float:
        """Give the margin of the difference between one more network and the mean of so many (Student's t)."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.df)) * self.sd * math.sqrt(1 + 1 / seeds)


def pair_margin(groups: int, one: Noise, seeds: int, other: Noise, others: int) -> float:
    """Give the margin of the difference between any two of `groups` means (Games and Howell, 1976).

    For two means of the same noise it is that of Tukey and Kramer.
    """
    first, second = one.sd**2 / seeds, other.sd**2 / others
    if first + second == 0:
        return 0.0
    shared = one == other
    df = one.df if shared else (first + second) ** 2 / (first**2 / one.df + second**2 / other.df)
    return _widest(groups, df) * math.sqrt((first + second) / 2)


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values for the family-wise error rate (Holm, 1979)."""
    adjusted: Any = multipletests(values, method="holm")[1] if values else []
    return [float(value) for value in adjusted]


@cache
def _widest(groups: int, df: float) -> float:
    """Give a quantile of the studentized range; cached, since each takes a tenth of a second."""
    return float(stats.studentized_range.ppf(LEVEL, groups, df))


def seed_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Pool the variance within groups of networks that differ by their seed; None where no group has two."""
    repeated = [np.asarray(group, np.float64) for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    if not df:
        return None
    return Noise(math.sqrt(sum(float(((group - group.mean()) ** 2).sum()) for group in repeated) / df), df)
