"""A factorial model of test accuracy: the effect of one change, all else equal.

Tables 1 to 4 are a full factorial: their model has the four factors and all two-way interactions. Tables 5 and 6 are
not: theirs has main effects alone. A comparison of two levels is averaged over the levels of the other factors. Fitted
by least squares, with HC2 standard errors (MacKinnon and White, 1985), since the variance is larger at a constant rate,
and the degrees of freedom of Bell and McCaffrey (2002), since some levels have few rows. Networks count as independent:
each row has seeds of its own. `mnist-study coverage` simulates how often the intervals are right.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from mnist_study.report.analysis.designs import Comparison, Design
from mnist_study.report.analysis.differences import Difference, holm, student
from mnist_study.report.analysis.intervals import LEVEL


@dataclass(frozen=True)
class Interaction:
    """An interaction of two factors: its adjusted p value, and the mean accuracy by both levels."""

    p: float
    means: dict[tuple[str, str], float]

    @property
    def significant(self) -> bool:
        """Tell whether the adjusted p value is below 0.05."""
        return self.p < 1 - LEVEL


@dataclass(frozen=True)
class Fit:
    """A fitted model: effects by name, number of runs, residual degrees of freedom and standard deviation in points.

    Their p values are not adjusted. `interactions` is empty where the model has none. `lack_of_fit` is the p value of a
    test whether rows differ by more than their factors' effects; None where there are no interactions to leave out, or
    no row has two networks. `shared_seeds` tells that rows share a seed, so their networks are not independent.
    """

    effects: dict[str, Difference]
    runs: int
    df: int
    noise: float
    interactions: dict[tuple[str, str], Interaction]
    lack_of_fit: float | None
    shared_seeds: bool

    def depends_on(self, factor: str) -> list[str]:
        """Name the factors that interact significantly with this one."""
        significant = [pair for pair, found in self.interactions.items() if found.significant and factor in pair]
        return [first if second == factor else second for first, second in significant]


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
    """Fit a design; None where a row is missing or all accuracies are equal."""
    own = [run for run in runs if run.table in design.tables]
    if len({run.variant for run in own}) < design.rows or len({run.accuracy for run in own}) == 1:
        return None
    # Each factor's coefficients sum to 0 over its levels.
    fit: Any = ols(formula(design), pd.DataFrame(own)).fit(cov_type="HC2", use_t=True)
    model = fit.model
    estimates = hc2(model.exog, contrasts(design, model.exog_names), model.endog)
    seeds = [seed for _, seed in {(run.variant, run.seed) for run in own}]
    return Fit(
        effects={name: student(*found) for name, *found in zip(design.comparisons, *estimates, strict=True)},
        runs=len(own),
        df=int(fit.df_resid),
        noise=round(sqrt(fit.mse_resid), 9),
        interactions=_interactions(design, fit, own) if design.interactions else {},
        lack_of_fit=None if design.interactions else _lack_of_fit(design, own),
        shared_seeds=len(seeds) > len(set(seeds)),
    )


def formula(design: Design) -> str:
    """Write the model as patsy reads it."""
    terms = " + ".join(f"C({factor}, Sum)" for factor in design.factors)
    return f"accuracy ~ ({terms}){'**2' if design.interactions else ''}"


def contrasts(design: Design, names: list[str]) -> np.ndarray:
    """Give the weights [C, K] of the K named coefficients in each of the design's C comparisons."""
    return np.array([_contrast(names, comparison) for comparison in design.comparisons.values()])


def hc2(exog: np.ndarray, comparisons: np.ndarray, accuracies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each comparison's difference, HC2 standard error [..., C] and degrees of freedom [C].

    `exog` is [N, K], `comparisons` are weights of its coefficients [C, K], `accuracies` [..., N]. The variance is a sum
    of squared residuals, each times a share squared; the degrees of freedom are Satterthwaite's for equal variances
    (Bell and McCaffrey, 2002, blocks of one).
    """
    inverse = np.linalg.pinv(exog)
    rest = np.eye(len(exog)) - exog @ inverse
    weights = comparisons @ inverse
    shares = weights / np.sqrt(np.diag(rest))
    forms = [share[:, None] * rest * share for share in shares]
    df = np.array([np.trace(form) ** 2 / (form * form).sum() for form in forms])
    return accuracies @ weights.T, np.sqrt((accuracies @ rest) ** 2 @ (shares**2).T), df


def _contrast(names: list[str], comparison: Comparison) -> np.ndarray:
    level, reference = (
        _deviation(names, comparison.factor, level) for level in (comparison.level, comparison.reference)
    )
    return level - reference


def _deviation(names: list[str], factor: str, level: str) -> np.ndarray:
    """Give the weights of the coefficients in a level's deviation from the mean; the last level has no coefficient."""
    own = [name for name in names if name.startswith(f"C({factor}, Sum)[S.") and ":" not in name]
    this = f"C({factor}, Sum)[S.{level}]"
    return np.array([float(name == this) if this in own else -float(name in own) for name in names])


def _interactions(design: Design, fit: Any, runs: list[Run]) -> dict[tuple[str, str], Interaction]:  # noqa: ANN401 - statsmodels has no types
    """Test each interaction (F test, type II sums of squares), adjusted by Holm's method over all of them."""
    p_values: Any = anova_lm(fit, typ=2, robust="hc2")["PR(>F)"]
    pairs: list[tuple[str, str]] = list(combinations(design.factors, 2))
    table: Any = pd.DataFrame(runs)
    raw = [round(float(p_values[f"C({a}, Sum):C({b}, Sum)"]), 9) for a, b in pairs]
    means = [table.groupby(list(pair), sort=False)["accuracy"].mean().to_dict() for pair in pairs]
    return {pair: Interaction(p, mean) for pair, p, mean in zip(pairs, holm(raw), means, strict=True)}


def _lack_of_fit(design: Design, runs: list[Run]) -> float | None:
    """Test all differences between rows' means that the model leaves out (F test against the variance within rows)."""
    if len({run.variant for run in runs}) == len(runs):
        return None
    table = pd.DataFrame(runs)
    test: Any = ols("accuracy ~ variant", table).fit().compare_f_test(ols(formula(design), table).fit())
    return round(float(test[1]), 9)
