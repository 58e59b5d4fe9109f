"""Whether two measurements differ significantly: p values, and the words for them.

Accuracies are in percent of N test images. "Right" is bool [S, N]: whether the network of seed s gets image n right.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import test_proportions_2indep

from mnist_study.report.analysis.intervals import LEVEL, TEST_IMAGES, Noise

Verdict = Literal["better", "worse", "inconclusive"]


@dataclass(frozen=True)
class Spread:
    """A metric's mean over seeds, and their standard deviation, 0 for one seed."""

    mean: float
    sd: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise the values of one seed or more."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


@dataclass(frozen=True)
class Gain:
    """The gain on each image, [N], as a share of the seeds.

    `by_seed` has, for each row, the variance of the mean between seeds and its degrees of freedom.
    """

    images: np.ndarray
    by_seed: tuple[tuple[float, int], ...] = ()

    def p(self) -> float:
        """Test whether the mean gain is zero, over images and over seeds; give the larger p value."""
        mean = abs(float(self.images.mean()))
        of_images = float(self.images.var(ddof=1)) / len(self.images)
        of_seeds = sum(variance for variance, _ in self.by_seed)
        p = 2 * stats.norm.sf(mean / math.sqrt(of_images)) if of_images else float(mean == 0)
        if of_seeds:  # Satterthwaite's degrees of freedom
            df = of_seeds**2 / sum(variance**2 / own for variance, own in self.by_seed)
            p = max(p, 2 * stats.t.sf(mean / math.sqrt(of_seeds), df))
        return float(p)


def gain(before: np.ndarray, after: np.ndarray) -> Gain:
    """Compare networks image by image, right before [S, N] and after [T, N].

    The variance between seeds is pooled over both sides (Student); with one seed each there is none.
    """
    df = len(before) + len(after) - 2
    if not df:
        return Gain(after.mean(0) - before.mean(0))
    squares = sum(float(np.var(side.mean(1)) * len(side)) for side in (before, after))
    variance = squares / df * (1 / len(before) + 1 / len(after))
    return Gain(after.mean(0) - before.mean(0), ((variance, df),))


def mean_gain(gains: Sequence[Gain], rows: int) -> Gain:
    """Give the gain of a mean over so many rows, of which only these changed, each with seeds of its own."""
    by_seed = tuple((variance / rows**2, df) for each in gains for variance, df in each.by_seed)
    return Gain(np.sum([each.images for each in gains], axis=0) / rows, by_seed)


def paired(before: np.ndarray, after: np.ndarray) -> float:
    """Give the p value of a difference in accuracy on the same images: McNemar's exact one for one seed each."""
    if len(before) == len(after) == 1:
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        found: Any = mcnemar(np.array([[0, lost], [won, 0]]), exact=True)
        return float(found.pvalue)
    return gain(before, after).p()


def by_seeds(before: Spread, after: Spread, others: Noise | None = None) -> float | None:
    """Give the p value of a difference between means over seeds: Student's t test, pooled.

    For one seed each the noise is that of `others`, the variants of several seeds. None where no noise is known.
    """
    if before.seeds == after.seeds == 1:
        if others is None or others.sd == 0:
            return None
        return float(2 * stats.t.sf(abs(after.mean - before.mean) / (others.sd * math.sqrt(2)), others.df))
    if before.sd == after.sd == 0:
        return None
    found: Any = stats.ttest_ind_from_stats(*astuple(before), *astuple(after))
    return float(found.pvalue)


def binomial(before: float, after: float, images: int = TEST_IMAGES) -> float:
    """Give the p value of two accuracies as if each had images of its own (Agresti and Caffo)."""
    first, second = (accuracy / 100 * images for accuracy in (before, after))
    with np.errstate(divide="ignore", invalid="ignore"):  # it computes an odds ratio, too
        found: Any = test_proportions_2indep(first, images, second, images, method="agresti-caffo")
    return float(found.pvalue)


def verdict(p: float, better: bool) -> Verdict:
    """Give the verdict for an adjusted p value."""
    if p > 1 - LEVEL:
        return "inconclusive"
    return "better" if better else "worse"
