"""A factorial model of test accuracy: what one change does, all else equal.

The model of tables 1 to 4, a full crossing, has the four factors and their interactions in pairs; that of tables 5 and
6, twelve rows that are none, has the factors alone. Seeds stand beside them as blocks where every row has the
same ones. A comparison of two levels is averaged over the levels of the other factors. Fitted by least squares; the
standard errors are HC2 (MacKinnon and White, 1985), since runs at a constant rate scatter more than others, and their
degrees of freedom those of Bell and McCaffrey (2002), since some levels have few rows. P values are adjusted by Holm's
method over all comparisons of both models; the intervals, at 95 %, are not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from mnist_study.report.analysis.designs import Comparison, Design
from mnist_study.report.analysis.intervals import LEVEL, holm


@dataclass(frozen=True)
class Effect:
    """A difference in test accuracy, in points, with its interval; `p` is adjusted."""

    difference: float
    low: float
    high: float
    p: float

    @property
    def significant(self) -> bool:
        """Tell whether noise alone would rarely do this."""
        return self.p < 1 - LEVEL


@dataclass(frozen=True)
class Pair:
    """Whether the effect of one factor depends on another: an adjusted p value; the mean accuracy by both levels."""

    p: float
    means: dict[tuple[str, str], float]

    @property
    def significant(self) -> bool:
        """Tell whether noise alone would rarely do this."""
        return self.p < 1 - LEVEL


@dataclass(frozen=True)
class Fit:
    """One model: its effects by name, runs, residual degrees of freedom and standard deviation in points.

    `blocks` counts the seeds, 0 where they are not in the model. `pairs` is empty where no interactions are in it.
    P values of F tests: of `by_seed`, whether effects depend on the seed; of `lack`, whether anything but the model's
    factors is in the rows. They are None where too few networks are there.
    """

    effects: dict[str, Effect]
    runs: int
    blocks: int
    degrees: int
    noise: float
    pairs: dict[tuple[str, str], Pair]
    by_seed: float | None
    lack: float | None

    def depends_on(self, factor: str) -> list[str]:
        """Name the factors on which the effect of this one depends."""
        told = [pair for pair, found in self.pairs.items() if found.significant and factor in pair]
        return [first if second == factor else second for first, second in told]


@dataclass(frozen=True)
class Run:
    """One network of a row: its factors as texts, its test accuracy in percent."""

    variant: str
    table: int
    architecture: str
    dropout: str
    scheduler: str
    augmentation: str
    batch_size: str
    seed: str
    accuracy: float


def fit_design(design: Design, runs: Iterable[Run]) -> Fit | None:
    """Fit the runs of a design's rows; None where one is not there, or all are alike. P values are not adjusted yet."""
    own = [run for run in runs if run.table in design.tables]
    if len({run.variant for run in own}) < design.rows or len({run.accuracy for run in own}) == 1:
        return None
    fit = _least_squares(design, own)
    return Fit(
        effects={name: _effect(fit, comparison) for name, comparison in design.comparisons.items()},
        runs=len(own),
        blocks=_blocks(design, own),
        degrees=int(fit.df_resid),
        noise=sqrt(fit.mse_resid),
        pairs=_pairs(design, fit, own) if design.in_pairs else {},
        by_seed=_by_seed(design, own),
        lack=None if design.in_pairs else _lack(design, own),
    )


def _least_squares(design: Design, runs: list[Run]) -> Any:  # noqa: ANN401 - statsmodels has no types
    """Give statsmodels' result, which has no types; each factor's coefficients sum to 0 over its levels."""
    return ols(_formula(design, runs), pd.DataFrame(runs)).fit(cov_type="HC2", use_t=True)


def _formula(design: Design, runs: list[Run]) -> str:
    terms = " + ".join(f"C({factor}, Sum)" for factor in design.factors)
    blocks = " + C(seed, Sum)" if _blocks(design, runs) else ""
    return f"accuracy ~ ({terms}){'**2' if design.in_pairs else ''}{blocks}"


def _effect(fit: Any, comparison: Comparison) -> Effect:  # noqa: ANN401 - statsmodels has no types
    names = fit.model.exog_names
    level, reference = (
        _deviation(names, comparison.factor, level) for level in (comparison.level, comparison.reference)
    )
    weights = level - reference
    test = fit.t_test(weights)
    difference, error, degrees = test.effect.item(), test.sd.item(), _degrees(fit.model.exog, weights)
    half = stats.t.ppf((1 + LEVEL) / 2, degrees) * error
    p = 2 * stats.t.sf(abs(difference) / error, degrees) if error else 1.0
    # Rounded, so that a tie such as 0.0625 is printed alike on every machine.
    return Effect(*(round(float(value), 9) for value in (difference, difference - half, difference + half, p)))


def _degrees(exog: np.ndarray, weights: np.ndarray) -> float:
    """Give the degrees of freedom of a comparison's HC2 variance, by Satterthwaite's rule for equal noise.

    The variance is a sum of squared residuals, each times `share` squared (Bell and McCaffrey, 2002, blocks of one).
    """
    hat = exog @ np.linalg.pinv(exog)
    share = exog @ np.linalg.inv(exog.T @ exog) @ weights / np.sqrt(1 - np.diag(hat))
    form = share[:, None] * (np.eye(len(exog)) - hat) * share
    return float(np.trace(form) ** 2 / (form * form).sum())


def _deviation(names: list[str], factor: str, level: str) -> np.ndarray:
    """Weigh the coefficients so that they give how far a level is from the mean; the last level's is not among them."""
    own = [name for name in names if name.startswith(f"C({factor}, Sum)[S.") and ":" not in name]
    this = f"C({factor}, Sum)[S.{level}]"
    return np.array([float(name == this) if this in own else -float(name in own) for name in names])


def _blocks(design: Design, runs: list[Run]) -> int:
    """Count the seeds, or 0 where rows have seeds of their own: HC2 cannot do with a block of one network."""
    seeds = len({run.seed for run in runs})
    return seeds if seeds > 1 and len(runs) == seeds * design.rows else 0


def _pairs(design: Design, fit: Any, runs: list[Run]) -> dict[tuple[str, str], Pair]:  # noqa: ANN401 - as above
    """Test each interaction (F test, type II sums of squares), adjusted by Holm's method over all of them."""
    p_values: Any = anova_lm(fit, typ=2, robust="hc2")["PR(>F)"]
    pairs: list[tuple[str, str]] = list(combinations(design.factors, 2))
    table: Any = pd.DataFrame(runs)
    raw = [float(p_values[f"C({a}, Sum):C({b}, Sum)"]) for a, b in pairs]
    means = [table.groupby(list(pair), sort=False)["accuracy"].mean().to_dict() for pair in pairs]
    return {pair: Pair(p, mean) for pair, p, mean in zip(pairs, holm(raw), means, strict=True)}


def _by_seed(design: Design, runs: list[Run]) -> float | None:
    """Test whether factors and seed interact.

    Networks of one architecture and seed begin with the same weights, and all of one seed see the images in one order,
    so their luck may be one and the same; then they would not be the independent runs that the intervals take them for.
    """
    if not _blocks(design, runs):
        return None
    formula = _formula(design, runs)
    more = "".join(f" + C(seed, Sum):C({factor}, Sum)" for factor in design.factors)
    return _f_test(formula + more, formula, runs)


def _lack(design: Design, runs: list[Run]) -> float | None:
    """Test whether rows differ by more than their factors' effects, added up."""
    if not _blocks(design, runs):
        return None
    return _f_test("accuracy ~ C(variant) + C(seed)", _formula(design, runs), runs)


def _f_test(bigger: str, smaller: str, runs: list[Run]) -> float:
    table = pd.DataFrame(runs)
    test: Any = ols(bigger, table).fit().compare_f_test(ols(smaller, table).fit())
    return float(test[1])
