"""Make up the accuracies of networks whose rows are truly equal, with the noise of real ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_study.core.errors import UserError
from mnist_study.report.analysis.designs import FULL_WIDTH

Frame = Any  # pandas' types are too wide to be of use


@dataclass(frozen=True)
class Spread:
    """Standard deviations in points: of seeds, of seed by factor, of the rest by scheduler and augmentation."""

    seed: float
    factors: dict[str, float]
    rest: dict[str, float]


def read(path: Path, variants: list[str]) -> np.ndarray:
    """Read test accuracies [rows, seeds] in the order of `variants`, each with equally many seeds, two or more."""
    try:
        table = pd.read_csv(path).sort_values("seed", kind="stable")
        table["place"] = table.groupby("variant").cumcount()
        found = table.pivot(index="variant", columns="place", values="test_accuracy").loc[variants]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no table of variant, seed and test_accuracy of all rows ({error})") from None
    if found.shape[1] < 2 or found.isna().to_numpy().any():
        raise UserError(f"{path}: {found.shape[1]} seeds given; allowed are two or more, as many for every row")
    return found.to_numpy()


def measure(rows: Frame, accuracies: np.ndarray) -> Spread:
    """Estimate the variances by moments: of the factors and of the seed from the rows that are a full factorial."""
    of_row = accuracies - accuracies.mean(1, keepdims=True)
    full = rows["table"].isin(FULL_WIDTH.tables).to_numpy()
    more = accuracies.shape[1] - 1  # degrees of freedom of each row
    whole = of_row[full]
    seed = whole.mean(0)
    parts = {factor: _level_means(rows[full][factor], whole - seed) for factor in FULL_WIDTH.factors}
    rest = whole - seed - sum(parts.values())
    levels = {factor: rows[full][factor].nunique() for factor in FULL_WIDTH.factors}
    left = 1 - (1 + sum(number - 1 for number in levels.values())) / len(whole)  # share of degrees of freedom
    error = (rest**2).sum() / (more * len(whole) * left)
    variances = {
        factor: max(0.0, ((part**2).sum() / (more * (levels[factor] - 1)) - error) * levels[factor] / len(whole))
        for factor, part in parts.items()
    }
    between = ((seed**2).sum() * len(whole) / more - error) / len(whole)
    between -= sum(variance / levels[factor] for factor, variance in variances.items())
    remaining = {name: rest[(rows[full]["group"] == name).to_numpy()] / np.sqrt(left) for name in rows[full]["group"]}
    small = (of_row[~full] - of_row[~full].mean(0)) / np.sqrt(1 - 1 / (~full).sum())
    for name in rows[~full]["group"]:  # of too few rows to take more than the seeds' means away
        remaining.setdefault(name, small[(rows[~full]["group"] == name).to_numpy()])
    return Spread(
        seed=float(np.sqrt(max(0.0, between))),
        factors={factor: float(np.sqrt(variance)) for factor, variance in variances.items()},
        rest={name: float(np.sqrt((own**2).sum() / more / len(own))) for name, own in remaining.items()},
    )


def draw(
    rows: Frame, spread: Spread, size: tuple[int, int], generator: np.random.Generator, *, shared: bool
) -> np.ndarray:
    """Make up accuracies [studies, rows, seeds] about 0, of rows that share their seeds or have seeds of their own."""
    studies, seeds = size
    made = generator.standard_normal((studies, len(rows), seeds)) * rows["group"].map(spread.rest).to_numpy()[:, None]
    if not shared:
        sd = np.sqrt(spread.seed**2 + sum(sd**2 for sd in spread.factors.values()))
        return made + sd * generator.standard_normal(made.shape)
    made += spread.seed * generator.standard_normal((studies, 1, seeds))
    for factor, sd in spread.factors.items():
        levels = pd.Categorical(rows[factor]).codes
        made += sd * generator.standard_normal((studies, levels.max() + 1, seeds))[:, levels]
    return made


def draw_again(
    rows: Frame, accuracies: np.ndarray, size: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Make up accuracies [studies, rows, seeds] of networks' distances from their row's mean, drawn again by group."""
    studies, seeds = size
    found = accuracies.shape[1]
    of_row = (accuracies - accuracies.mean(1, keepdims=True)) / np.sqrt(1 - 1 / found)
    made = np.empty((studies, len(rows), seeds))
    for group in rows["group"].unique():
        own = (rows["group"] == group).to_numpy()
        made[:, own] = generator.choice(of_row[own].ravel(), (studies, own.sum(), seeds))
    return made


def _level_means(levels: Frame, values: np.ndarray) -> np.ndarray:
    return pd.DataFrame(values).groupby(levels.to_numpy()).transform("mean").to_numpy()
