"""What one change does to test accuracy, all else equal: comparisons from two factorial models.

The model of tables 1 to 4, a full crossing, has the four factors and their interactions in pairs; that of tables 5 and
6, twelve rows that are none, has the factors alone. Seeds stand beside them as blocks where every row has the
same ones. A comparison of two levels is averaged over the levels of the other factors. Fitted by least squares; the
standard errors are HC2 (MacKinnon and White, 1985), since runs at a constant rate scatter more than others. P values
are adjusted by Holm's method over all comparisons of both models; the intervals, at 95 %, are not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from mnist_study.designs import DESIGNS, Comparison, Design
from mnist_study.outcomes import Published, Study
from mnist_study.statistics import LEVEL


@dataclass(frozen=True)
class Effect:
    """A difference in test accuracy, in points, with its interval; `p` is adjusted."""

    difference: float
    low: float
    high: float
    p: float

    @property
    def told(self) -> bool:
        """Tell whether noise alone would rarely do this."""
        return self.p < 1 - LEVEL


@dataclass(frozen=True)
class Fit:
    """One model: its effects by name, runs, residual degrees of freedom and standard deviation in points.

    `blocks` counts the seeds, 0 where they are not in the model. `pairs` has an adjusted p
    value for each two factors: whether the effect of one depends on the other.
    """

    effects: dict[str, Effect]
    runs: int
    blocks: int
    degrees: int
    noise: float
    pairs: dict[tuple[str, str], float]


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


def of_study(study: Study) -> dict[str, Fit]:
    """Fit our networks, one a seed; a design's title is absent where not all of its rows are trained."""
    return fits(
        _run(name, study.published[name], replica["seed"], replica["test_accuracy"])
        for name, outcome in study.rows().items()
        for replica in outcome.evaluation["replicas"]
    )


def of_published(rows: Mapping[str, Published]) -> dict[str, Fit]:
    """Fit the published figures, one a row."""
    return fits(_run(name, row, 0, row.test_accuracy) for name, row in rows.items())


def fits(runs: Iterable[Run]) -> dict[str, Fit]:
    """Fit each design that all of its rows are there for, and adjust the p values of all comparisons together."""
    runs = list(runs)
    found = {design.title: fit for design in DESIGNS if (fit := _fit(design, runs))}
    adjusted = iter(_holm([effect.p for fit in found.values() for effect in fit.effects.values()]))
    return {
        title: replace(fit, effects={name: replace(effect, p=next(adjusted)) for name, effect in fit.effects.items()})
        for title, fit in found.items()
    }


def _run(variant: str, row: Published, seed: int, accuracy: float) -> Run:
    return Run(
        variant=variant,
        table=row.table,
        architecture=row.architecture,
        dropout="yes" if row.dropout else "no",
        scheduler=row.scheduler,
        augmentation=row.augmentation,
        batch_size=str(row.batch_size),
        seed=str(seed),
        accuracy=accuracy,
    )


def _fit(design: Design, runs: Iterable[Run]) -> Fit | None:
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
        pairs=_pairs(design, fit) if design.in_pairs else {},
    )


def _least_squares(design: Design, runs: list[Run]) -> Any:  # noqa: ANN401 - statsmodels has no types
    """Give statsmodels' result, which has no types; each factor's coefficients sum to 0 over its levels."""
    terms = " + ".join(f"C({factor}, Sum)" for factor in design.factors)
    blocks = " + C(seed, Sum)" if _blocks(design, runs) else ""
    model = ols(f"accuracy ~ ({terms}){'**2' if design.in_pairs else ''}{blocks}", pd.DataFrame(runs))
    return model.fit(cov_type="HC2", use_t=True)


def _effect(fit: Any, comparison: Comparison) -> Effect:  # noqa: ANN401 - statsmodels has no types
    names = fit.model.exog_names
    level, reference = (
        _deviation(names, comparison.factor, level) for level in (comparison.level, comparison.reference)
    )
    test = fit.t_test(level - reference)
    (low, high), *_ = test.conf_int(1 - LEVEL)
    # Rounded, so that a tie such as 0.0625 is printed alike on every machine.
    return Effect(*(round(float(value), 9) for value in (test.effect.item(), low, high, test.pvalue.item())))


def _deviation(names: list[str], factor: str, level: str) -> np.ndarray:
    """Weigh the coefficients so that they give how far a level is from the mean; the last level's is not among them."""
    own = [name for name in names if name.startswith(f"C({factor}, Sum)[S.") and ":" not in name]
    this = f"C({factor}, Sum)[S.{level}]"
    return np.array([float(name == this) if this in own else -float(name in own) for name in names])


def _blocks(design: Design, runs: list[Run]) -> int:
    """Count the seeds, or 0 where rows have seeds of their own: HC2 cannot do with a block of one network."""
    seeds = len({run.seed for run in runs})
    return seeds if seeds > 1 and len(runs) == seeds * design.rows else 0


def _pairs(design: Design, fit: Any) -> dict[tuple[str, str], float]:  # noqa: ANN401 - statsmodels has no types
    """Test each interaction (F test, type II sums of squares), adjusted by Holm's method over all of them."""
    p_values: Any = anova_lm(fit, typ=2, robust="hc2")["PR(>F)"]
    pairs = list(combinations(design.factors, 2))
    raw = [float(p_values[f"C({a}, Sum):C({b}, Sum)"]) for a, b in pairs]
    return dict(zip(pairs, _holm(raw), strict=True))


def _holm(p_values: list[float]) -> list[float]:
    adjusted: Any = multipletests(p_values, method="holm")[1] if p_values else []
    return [float(p) for p in adjusted]
