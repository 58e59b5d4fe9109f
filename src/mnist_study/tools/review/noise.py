"""Whether two measurements differ by more than chance: p values, and the words for them.

Accuracies are in percent of N test images. "Right" is bool [S, N]: whether the network of seed s gets image n right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from scipy import stats

from mnist_study.report.analysis.intervals import LEVEL, TEST_IMAGES, Noise

Verdict = Literal["better", "worse", "within noise"]


@dataclass(frozen=True)
class Spread:
    """A metric's mean over seeds, and their standard deviation, 0 for one seed."""

    mean: float
    sd: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up the values of one seed or more."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


@dataclass(frozen=True)
class Gain:
    """What is gained on each image, [N], as a share of the seeds; and how far chance among seeds may move its mean.

    `scatter` has the variance of the mean that comes from seeds, and its degrees of freedom, for each row it is over.
    """

    images: np.ndarray
    scatter: tuple[tuple[float, int], ...] = ()

    def p(self) -> float:
        """Test whether the mean gain is zero: for other images, and for other seeds; give the larger p value."""
        mean = abs(float(self.images.mean()))
        of_images = float(self.images.var(ddof=1)) / len(self.images)
        of_seeds = sum(variance for variance, _ in self.scatter)
        p = 2 * stats.norm.sf(mean / math.sqrt(of_images)) if of_images else float(mean == 0)
        if of_seeds:  # Satterthwaite's degrees of freedom
            degrees = of_seeds**2 / sum(variance**2 / own for variance, own in self.scatter)
            p = max(p, 2 * stats.t.sf(mean / math.sqrt(of_seeds), degrees))
        return float(p)


def gain(before: np.ndarray, after: np.ndarray) -> Gain:
    """Compare networks image by image, right before [S, N] and after [T, N].

    The same recipe scatters alike on both sides, so their seeds' variance is pooled (Student); one seed each has none.
    """
    degrees = len(before) + len(after) - 2
    if not degrees:
        return Gain(after.mean(0) - before.mean(0))
    squares = sum(float(np.var(side.mean(1)) * len(side)) for side in (before, after))
    variance = squares / degrees * (1 / len(before) + 1 / len(after))
    return Gain(after.mean(0) - before.mean(0), ((variance, degrees),))


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


def by_seeds(before: Spread, after: Spread, others: Noise | None = None) -> float | None:
    """Give the p value of a difference between seeds' means: Student's t, with the deviation of both sides.

    For one seed each it is that within `others`, variants of several seeds. None where there is nothing to go by.
    """
    degrees = before.seeds + after.seeds - 2
    noise = others
    if degrees:
        squares = sum(side.sd**2 * (side.seeds - 1) for side in (before, after))
        noise = Noise(math.sqrt(squares / degrees), degrees)
    if noise is None or noise.sd == 0:
        return None
    error = noise.sd * math.sqrt(1 / before.seeds + 1 / after.seeds)
    return float(2 * stats.t.sf(abs(after.mean - before.mean) / error, noise.degrees))


def binomial(before: float, after: float, images: int = TEST_IMAGES) -> float:
    """Give the p value of two accuracies, each as if on images of its own: the z test, unpooled."""
    p, q = before / 100, after / 100
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / images)
    return float(2 * stats.norm.sf(abs(q - p) / error)) if error else 1.0


def verdict(p: float, better: bool) -> Verdict:
    """Put an adjusted p value in words."""
    if p > 1 - LEVEL:
        return "within noise"
    return "better" if better else "worse"
