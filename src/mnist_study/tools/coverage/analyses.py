"""Four ways to estimate the report's comparisons from networks, for many studies at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from patsy.highlevel import dmatrix

from mnist_study.report.analysis.designs import Design
from mnist_study.report.analysis.factorial import contrasts, formula, hc2

Frame = Any  # pandas' types are too wide to be of use
Estimates = tuple[np.ndarray, np.ndarray, np.ndarray]  # differences and errors [studies, C], degrees of freedom [C]
Analysis = Callable[[Design, Frame, np.ndarray], Estimates]


def with_blocks(design: Design, rows: Frame, made: np.ndarray) -> Estimates:
    """Take networks of shared seeds for independent, but for a level of each seed."""
    return _by_hc2(design, rows, made, f"{formula(design)} + C(seed, Sum)")


def independent(design: Design, rows: Frame, made: np.ndarray) -> Estimates:
    """Take all networks for independent, as the report does."""
    return _by_hc2(design, rows, made, formula(design))


def by_seed(design: Design, rows: Frame, made: np.ndarray) -> Estimates:
    """Estimate each comparison once a seed; Student's t over the seeds."""
    exog, names = _model(formula(design), rows)
    found = np.einsum("srk,rc->skc", made, np.linalg.pinv(exog).T @ contrasts(design, names).T)
    seeds = made.shape[2]
    return found.mean(1), found.std(1, ddof=1) / np.sqrt(seeds), np.full(found.shape[2], seeds - 1.0)


def mixed(design: Design, rows: Frame, made: np.ndarray) -> Estimates:
    """Take the error of a comparison from its factor by seed, as a mixed model of a full factorial does."""
    seeds, values, errors, df = made.shape[2], [], [], []
    for comparison in design.comparisons.values():
        levels = rows[comparison.factor]
        means = np.stack([made[:, levels == level].mean(1) for level in levels.unique()], axis=1)
        both = means - means.mean(1, keepdims=True) - means.mean(2, keepdims=True) + means.mean((1, 2), keepdims=True)
        df.append((means.shape[1] - 1.0) * (seeds - 1))
        errors.append(np.sqrt(2 * (both**2).sum((1, 2)) / df[-1] / seeds))
        place = list(levels.unique())
        values.append((means[:, place.index(comparison.level)] - means[:, place.index(comparison.reference)]).mean(1))
    return np.stack(values, axis=1), np.stack(errors, axis=1), np.array(df)


def _by_hc2(design: Design, rows: Frame, made: np.ndarray, model: str) -> Estimates:
    seeds = made.shape[2]
    runs = rows.loc[rows.index.repeat(seeds)].assign(seed=np.tile([str(seed) for seed in range(seeds)], len(rows)))
    exog, names = _model(model, runs)
    return hc2(exog, contrasts(design, names), made.reshape(len(made), -1))


def _model(words: str, runs: Frame) -> tuple[np.ndarray, list[str]]:
    matrix: Any = dmatrix(words.partition("~")[2], runs)
    return np.asarray(matrix), matrix.design_info.column_names
