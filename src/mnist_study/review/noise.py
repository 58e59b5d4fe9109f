"""Whether two measurements differ by more than chance: p values, and the words for them.

Accuracies are in percent of N test images. "Right" is bool [S, N]: whether the network of seed s gets image n right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mnist_study.statistics import LEVEL, TEST_IMAGES, Noise

Verdict = Literal["better", "worse", "within noise"]


@dataclass(frozen=True)
class Gain:
    """What is gained on each image, [N], as a share of the seeds; and the variance that comes from the seeds.

    `scatter` has an entry per estimate: the variance of the mean gain, and its degrees of freedom.
    """

    images: np.ndarray
    scatter: tuple[tuple[float, int], ...] = ()

    def p(self) -> float:
        """Test whether the mean gain is zero, for other images and other seeds (Student's t, Satterthwaite)."""
        count = len(self.images)
        parts = [(float(self.images.var(ddof=1)) / count, count - 1), *self.scatter]
        variance = sum(part for part, _ in parts)
        if variance == 0:
            return 1.0
        degrees = variance**2 / sum(part**2 / own for part, own in parts)
        return float(2 * stats.t.sf(abs(self.images.mean()) / math.sqrt(variance), degrees))


def gain(before: np.ndarray, after: np.ndarray) -> Gain:
    """Compare networks image by image, right before [S, N] and after [T, N].

    The variance is that of a crossing of random images and random seeds (Cornfield and Tukey 1956): the images' own,
    in which networks that differ on an image by chance are counted, and what seeds scatter beyond that. Where a side
    has one seed, its seeds scatter as the other's.
    """
    estimates = [(_seed_variance(right), len(right)) for right in (before, after) if len(right) > 1]
    if len(estimates) == 2:
        parts = tuple((variance / seeds, seeds - 1) for variance, seeds in estimates)
    else:
        parts = tuple((variance * (1 / seeds + 1), seeds - 1) for variance, seeds in estimates)
    return Gain(after.mean(0) - before.mean(0), parts)


def mean_gain(gains: Sequence[Gain], rows: int) -> Gain:
    """Give the gain of a mean over so many rows, of which all but these are as they were."""
    scatter = tuple((variance / rows**2, degrees) for each in gains for variance, degrees in each.scatter)
    return Gain(np.sum([each.images for each in gains], axis=0) / rows, scatter)


def paired(before: np.ndarray, after: np.ndarray) -> float:
    """Give the p value of a difference in accuracy on the same images: McNemar's exact one for one seed each."""
    if len(before) == len(after) == 1:
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        return float(stats.binomtest(won, lost + won).pvalue) if lost + won else 1.0
    return gain(before, after).p()


def by_seeds(before: Sequence[float], after: Sequence[float], pooled: Noise | None) -> float | None:
    """Give the p value of a difference between seeds' values: Welch's t, or t with a deviation pooled elsewhere.

    `pooled` is what seeds of other variants scatter, for where a side has one seed. None where nothing scatters.
    """
    if len(before) > 1 and len(after) > 1:
        one, other = ((fmean(values), stdev(values), len(values)) for values in (before, after))
        return by_spread(one, other)
    if pooled is None or pooled.sd == 0:
        return None
    distance = fmean(after) - fmean(before)
    error = pooled.sd * math.sqrt(1 / len(before) + 1 / len(after))
    return float(2 * stats.t.sf(abs(distance) / error, pooled.degrees))


def by_spread(before: tuple[float, float, int], after: tuple[float, float, int]) -> float | None:
    """Give Welch's p value from mean, standard deviation and number of seeds, two or more; None where none scatter."""
    if before[1] == after[1] == 0:
        return None
    return float(stats.ttest_ind_from_stats(*before, *after, equal_var=False).pvalue)


def binomial(before: float, after: float, images: int = TEST_IMAGES) -> float:
    """Give the p value of two accuracies, each as if on images of its own: the z test, unpooled."""
    p, q = before / 100, after / 100
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / images)
    return float(2 * stats.norm.sf(abs(q - p) / error)) if error else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values so that all tests together call noise a difference at most one time in twenty (Holm 1979)."""
    adjusted: Any = multipletests(values, method="holm")[1] if values else []
    return [float(value) for value in adjusted]


def verdict(p: float, better: bool) -> Verdict:
    """Put an adjusted p value in words."""
    if p > 1 - LEVEL:
        return "within noise"
    return "better" if better else "worse"


def _seed_variance(right: np.ndarray) -> float:
    """Give the variance between seeds' accuracies beyond what chance on each image makes; shares, not percent."""
    seeds, images = right.shape
    accuracy = right.mean(1, keepdims=True)
    left = right - accuracy - right.mean(0) + accuracy.mean()
    chance = float((left**2).sum()) / ((images - 1) * (seeds - 1))
    return max(0.0, float(accuracy.var(ddof=1)) - chance / images)
