"""A factorial model of test accuracy: the effect of one change, all else equal.

Tables 1 to 4 are a full factorial: their model has the four factors and all two-way interactions. Tables 5 and 6 are
not: theirs has main effects alone. Seeds are blocks where every row has the same ones. A comparison of two levels is
averaged over the levels of the other factors. Fitted by least squares, with HC2 standard errors (MacKinnon and White,
1985), since the variance is larger at a constant rate, and the degrees of freedom of Bell and McCaffrey (2002), since
some levels have few rows. P values are adjusted by Holm's method over all comparisons of both models; the 95 %
intervals are not.
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
        """Tell whether the adjusted p value is below 0.05."""
        return self.p < 1 - LEVEL


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

    `blocks` counts the seeds, 0 where they are not in the model. `interactions` is empty where the model has none.
    `by_seed` is the p value of an F test of interactions with the seed, `lack_of_fit` that of one for lack of fit;
    each is None where there are too few networks.
    """

    effects: dict[str, Effect]
    runs: int
    blocks: int
    df: int
    noise: float
    interactions: dict[tuple[str, str], Interaction]
    by_seed: float | None
    lack_of_fit: float | None

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
    """Fit a design, p values not adjusted yet; None where a row is missing or all accuracies are equal."""
    own = [run for run in runs if run.table in design.tables]
    if len({run.variant for run in own}) < design.rows or len({run.accuracy for run in own}) == 1:
        return None
    fit = _least_squares(design, own)
    return Fit(
        effects={name: _effect(fit, comparison) for name, comparison in design.comparisons.items()},
        runs=len(own),
        blocks=_blocks(design, own),
        df=int(fit.df_resid),
        noise=sqrt(fit.mse_resid),
        interactions=_interactions(design, fit, own) if design.interactions else {},
        by_seed=_by_seed(design, own),
        lack_of_fit=None if design.interactions else _lack_of_fit(design, own),
    )


def _least_squares(design: Design, runs: list[Run]) -> Any:  # noqa: ANN401 - statsmodels has no types
    """Give statsmodels' result; each factor's coefficients sum to 0 over its levels."""
    return ols(_formula(design, runs), pd.DataFrame(runs)).fit(cov_type="HC2", use_t=True)


def _formula(design: Design, runs: list[Run]) -> str:
    terms = " + ".join(f"C({factor}, Sum)" for factor in design.factors)
    blocks = " + C(seed, Sum)" if _blocks(design, runs) else ""
    return f"accuracy ~ ({terms}){'**2' if design.interactions else ''}{blocks}"


def _effect(fit: Any, comparison: Comparison) -> Effect:  # noqa: ANN401 - statsmodels has no types
    names = fit.model.exog_names
    level, reference = (
        _deviation(names, comparison.factor, level) for level in (comparison.level, comparison.reference)
    )
    weights = level - reference
    test = fit.t_test(weights)
    difference, error, df = test.effect.item(), test.sd.item(), _df(fit.model.exog, weights)
    half = stats.t.ppf((1 + LEVEL) / 2, df) * error
    p = 2 * stats.t.sf(abs(difference) / error, df) if error else 1.0
    # Rounded, so that a tie such as 0.0625 is printed alike on every machine.
    return Effect(*(round(float(value), 9) for value in (difference, difference - half, difference + half, p)))


def _df(exog: np.ndarray, weights: np.ndarray) -> float:
    """Give the degrees of freedom of a comparison's HC2 variance: Satterthwaite's, for equal variances.

    The variance is a sum of squared residuals, each times `share` squared (Bell and McCaffrey, 2002, blocks of one).
    """
    hat = exog @ np.linalg.pinv(exog)
    share = exog @ np.linalg.inv(exog.T @ exog) @ weights / np.sqrt(1 - np.diag(hat))
    form = share[:, None] * (np.eye(len(exog)) - hat) * share
    return float(np.trace(form) ** 2 / (form * form).sum())


def _deviation(names: list[str], factor: str, level: str) -> np.ndarray:
    """Give the weights of the coefficients in a level's deviation from the mean; the last level has no coefficient."""
    own = [name for name in names if name.startswith(f"C({factor}, Sum)[S.") and ":" not in name]
    this = f"C({factor}, Sum)[S.{level}]"
    return np.array([float(name == this) if this in own else -float(name in own) for name in names])


def _blocks(design: Design, runs: list[Run]) -> int:
    """Count the seeds, or 0 where rows have different ones: HC2 is undefined for a block of one network."""
    seeds = len({run.seed for run in runs})
    return seeds if seeds > 1 and len(runs) == seeds * design.rows else 0


def _interactions(design: Design, fit: Any, runs: list[Run]) -> dict[tuple[str, str], Interaction]:  # noqa: ANN401 - as above
    """Test each interaction (F test, type II sums of squares), adjusted by Holm's method over all of them."""
    p_values: Any = anova_lm(fit, typ=2, robust="hc2")["PR(>F)"]
    pairs: list[tuple[str, str]] = list(combinations(design.factors, 2))
    table: Any = pd.DataFrame(runs)
    raw = [float(p_values[f"C({a}, Sum):C({b}, Sum)"]) for a, b in pairs]
    means = [table.groupby(list(pair), sort=False)["accuracy"].mean().to_dict() for pair in pairs]
    return {pair: Interaction(p, mean) for pair, p, mean in zip(pairs, holm(raw), means, strict=True)}


def _by_seed(design: Design, runs: list[Run]) -> float | None:
    """Test whether factors and seed interact.

    Networks of one architecture and seed begin with the same weights, and all of one seed see the images in one order,
    so they may not be the independent runs that the intervals assume.
    """
    if not _blocks(design, runs):
        return None
    formula = _formula(design, runs)
    more = "".join(f" + C(seed, Sum):C({factor}, Sum)" for factor in design.factors)
    return _f_test(formula + more, formula, runs)


def _lack_of_fit(design: Design, runs: list[Run]) -> float | None:
    """Test for lack of fit: whether rows differ by more than the sum of their factors' effects."""
    if not _blocks(design, runs):
        return None
    return _f_test("accuracy ~ C(variant) + C(seed)", _formula(design, runs), runs)


def _f_test(bigger: str, smaller: str, runs: list[Run]) -> float:
    table = pd.DataFrame(runs)
    test: Any = ols(bigger, table).fit().compare_f_test(ols(smaller, table).fit())
    return float(test[1])
