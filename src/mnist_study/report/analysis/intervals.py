"""How far an accuracy may be off by chance: intervals at 95 %. Accuracies and their differences are in percent."""

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
Verdict = Literal["within noise", "higher", "lower"]

_Z = float(stats.norm.ppf((1 + LEVEL) / 2))


def wilson(accuracy: float, images: int = TEST_IMAGES) -> Interval:
    """Give Wilson's interval for an accuracy measured once on that many images: what other images might show."""
    share = accuracy / 100
    shrink = 1 + _Z**2 / images
    centre = (share + _Z**2 / (2 * images)) / shrink
    half = _Z / shrink * math.sqrt(share * (1 - share) / images + (_Z / (2 * images)) ** 2)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def mean_interval(accuracies: Sequence[float]) -> Interval:
    """Give Student's interval for the mean over seeds: what other seeds might show on the same images.

    Raises ValueError for fewer than two seeds.
    """
    if len(accuracies) < 2:
        raise ValueError("an interval of a mean needs two seeds or more")
    values = np.asarray(accuracies, np.float64)
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def difference_interval(ours: float, published: float, seeds: int = 1, images: int = TEST_IMAGES) -> Interval:
    """Give the interval of our mean over seeds less the published accuracy of one run: two proportions, z, unpooled.

    Both were measured on the same test images, so how hard these happen to be cancels, and what is left is the luck
    of the runs. Whether each image was missed in both is not known, so the runs cannot be compared image by image.
    Instead each run counts as if it had drawn its own images: for one that errs on each image independently, the
    variance p (1 - p) / images is the most that luck can give. So the interval is rather too wide than too narrow.
    """
    p, q = ours / 100, published / 100
    half = _Z * math.sqrt(p * (1 - p) / (images * seeds) + q * (1 - q) / images)
    return 100 * (p - q - half), 100 * (p - q + half)


def within_noise(ours: float, published: float, seeds: int = 1) -> bool:
    """Tell whether `difference_interval` holds 0."""
    low, high = difference_interval(ours, published, seeds)
    return low <= 0 <= high


def verdict(ours: float, published: float, seeds: int = 1) -> Verdict:
    """Put the comparison in words."""
    if within_noise(ours, published, seeds):
        return "within noise"
    return "higher" if ours > published else "lower"


@dataclass(frozen=True)
class Noise:
    """How far runs of one recipe with different seeds lie apart: standard deviation in points, and its degrees."""

    sd: float
    degrees: int

    def mean_margin(self, seeds: int, means: int = 1) -> float:
        """Give what the mean of so many seeds may be off by; of several, all at once (Bonferroni, Student's t)."""
        return float(stats.t.ppf(1 - (1 - LEVEL) / (2 * means), self.degrees)) * self.sd / math.sqrt(seeds)

    def run_margin(self, seeds: int) -> float:
        """Give what one more run may differ by from the mean of so many (Student's t)."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.degrees)) * self.sd * math.sqrt(1 + 1 / seeds)


def pair_margin(groups: int, one: Noise, seeds: int, other: Noise, others: int) -> float:
    """Give what two of `groups` means may differ by, whichever two are picked (Games and Howell, 1976).

    For two means of the same noise it is Tukey's and Kramer's.
    """
    first, second = one.sd**2 / seeds, other.sd**2 / others
    if first + second == 0:
        return 0.0
    shared = one == other
    degrees = one.degrees if shared else (first + second) ** 2 / (first**2 / one.degrees + second**2 / other.degrees)
    return _widest(groups, degrees) * math.sqrt((first + second) / 2)


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values so that all tests together call noise a difference at most one time in twenty (Holm, 1979)."""
    adjusted: Any = multipletests(values, method="holm")[1] if values else []
    return [float(value) for value in adjusted]


@cache
def _widest(groups: int, degrees: float) -> float:
    """Give the upper point of the studentized range, an integral that takes a tenth of a second."""
    return float(stats.studentized_range.ppf(LEVEL, groups, degrees))


def seed_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Pool the variance within groups of runs that differ by their seed; None where no group has two."""
    repeated = [np.asarray(group, np.float64) for group in groups if len(group) > 1]
    degrees = sum(len(group) - 1 for group in repeated)
    if not degrees:
        return None
    return Noise(math.sqrt(sum(float(((group - group.mean()) ** 2).sum()) for group in repeated) / degrees), degrees)
