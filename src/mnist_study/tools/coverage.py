"""How often are the report's intervals right? Simulate whole studies and count; nothing is trained.

The CSV file has test accuracies of networks, and its rows share their seeds. From it come the variance between seeds,
of seed by factor, and what remains, by scheduler and augmentation. The studies are made up of networks with these
variances, and all rows are truly equal. So every interval should contain 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from patsy.highlevel import dmatrix
from scipy import stats

from mnist_study.core.errors import UserError
from mnist_study.report.analysis import effects
from mnist_study.report.analysis.designs import DESIGNS, FULL_WIDTH, Design
from mnist_study.report.analysis.factorial import contrasts, formula, hc2
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.page.markdown import table
from mnist_study.report.results.reference import read_published

Frame = Any  # pandas' types are too wide to be of use
PUBLISHED = Path("reference/published.csv")
Estimates = tuple[np.ndarray, np.ndarray, np.ndarray]  # differences and errors [studies, C], degrees of freedom [C]
Analysis = Callable[[Design, Frame, np.ndarray], Estimates]


@dataclass(frozen=True)
class Spread:
    """Standard deviations in points: of seeds, of seed by factor, of the rest by scheduler and augmentation."""

    seed: float
    factors: dict[str, float]
    rest: dict[str, float]


def coverage(accuracies: Path, studies: int, seeds: int) -> str:
    """Simulate so many studies with so many seeds a row; give Markdown. Raises UserError for another file."""
    rows: Frame = pd.DataFrame([effects.run(name, row, 0, 0.0) for name, row in read_published(PUBLISHED).items()])
    rows["group"] = rows["scheduler"] + ", " + rows["augmentation"]
    spread = measure(rows, read(accuracies, list(rows["variant"])))
    generator = np.random.default_rng(0)
    shared, own = (draw(rows, spread, (studies, seeds), generator, shared=which) for which in (True, False))
    return "\n\n".join([_spread(spread), _effects(rows, shared, own), _rows(rows, own)])


def read(path: Path, variants: list[str]) -> np.ndarray:
    """Read test accuracies [rows, seeds] in the order of `variants`, each with the same seeds, two or more."""
    try:
        found = pd.read_csv(path).pivot(index="variant", columns="seed", values="test_accuracy").loc[variants]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no table of variant, seed and test_accuracy of all rows ({error})") from None
    if found.shape[1] < 2 or found.isna().to_numpy().any():
        raise UserError(f"{path}: {found.shape[1]} seeds given; allowed are two or more, the same for every row")
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


def _level_means(levels: Frame, values: np.ndarray) -> np.ndarray:
    return pd.DataFrame(values).groupby(levels.to_numpy()).transform("mean").to_numpy()


def _spread(spread: Spread) -> str:
    lines = [("seed", spread.seed), *((f"seed by {factor}", sd) for factor, sd in spread.factors.items())]
    lines += [(f"rest: {group}", sd) for group, sd in spread.rest.items()]
    return table(("source", "standard deviation"), [(name, f"{sd:.3f}") for name, sd in lines])


def _effects(rows: Frame, shared: np.ndarray, own: np.ndarray) -> str:
    """Count, for each analysis and comparison, the intervals that contain 0."""
    columns = {
        "shared seeds, as blocks": _counted(with_blocks, DESIGNS, rows, shared),
        "shared seeds, one estimate each": _counted(by_seed, DESIGNS, rows, shared),
        "shared seeds, mixed model": _counted(mixed, [FULL_WIDTH], rows, shared),
        "rows with seeds of their own": _counted(independent, DESIGNS, rows, own),
    }
    names = list(columns["rows with seeds of their own"])
    lines = [(name, *(column.get(name, "") for column in columns.values())) for name in names]
    return table(("intervals that contain 0 (mean margin)", *columns), lines)


def _counted(analyse: Analysis, designs: Sequence[Design], rows: Frame, made: np.ndarray) -> dict[str, str]:
    found, p_values = {}, []
    for design in designs:
        chosen = rows["table"].isin(design.tables)
        values, errors, df = analyse(design, rows[chosen].reset_index(drop=True), made[:, chosen.to_numpy()])
        margins = stats.t.isf((1 - LEVEL) / 2, df) * errors
        inside, widths = (np.abs(values) <= margins).mean(0), margins.mean(0)
        for place, comparison in enumerate(design.comparisons.values()):
            words = f"{design.title.lower()}: {comparison.words}"
            found[words] = f"{100 * inside[place]:.1f} % (± {widths[place]:.3f})"
        p_values.append(2 * stats.t.sf(np.abs(values) / errors, df))
    together = np.concatenate(p_values, axis=1)
    false = np.mean(together.min(1) * together.shape[1] < 1 - LEVEL)  # Holm's first step
    return found | {"studies with a significant comparison (Holm)": f"{100 * false:.1f} %"}


def _rows(rows: Frame, made: np.ndarray) -> str:
    """Count the studies in which all statements about rows are right, by how the noise is pooled."""
    means, seeds = made.mean(2), made.shape[2]
    more = made[:, :, 0] - np.roll(means, 1, axis=0)  # a run of one study, less the row's mean in another
    lines = []
    for words, groups in (("scheduler", rows["scheduler"]), ("scheduler and augmentation", rows["group"])):
        sd, df = _pooled(groups, made)
        margins = stats.t.isf((1 - LEVEL) / 2 / len(rows), df) * sd / np.sqrt(seeds)
        right = (np.abs(means) <= margins).all(1).mean()
        wide = stats.t.isf((1 - LEVEL) / 2, df) * np.roll(sd, 1, axis=0) * np.sqrt(1 + 1 / seeds)
        agrees = (np.abs(more) <= wide).mean(0)
        found = (right, agrees.mean(), agrees.min(), _against_others(means, sd, df, seeds))
        lines.append((words, *(f"{100 * share:.1f} %" for share in found)))
    header = ("noise pooled by", "all rows' intervals at once", "one more run, mean of rows", "the same, worst row")
    return table((*header, "one row and all others"), lines)


def _pooled(groups: Frame, made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each row's pooled standard deviation [studies, rows] and its degrees of freedom [rows]."""
    variances = pd.DataFrame(made.var(2, ddof=1).T).groupby(groups.to_numpy()).transform("mean").to_numpy().T
    return np.sqrt(variances), groups.map(groups.value_counts()).to_numpy() * (made.shape[2] - 1)


def _against_others(means: np.ndarray, sd: np.ndarray, df: np.ndarray, seeds: int) -> float:
    """Give the share of studies in which the first row does not differ significantly from any other (Welch)."""
    first, second = sd[:, :1] ** 2 / seeds, sd[:, 1:] ** 2 / seeds
    both = (first + second) ** 2 / (first**2 / df[0] + second**2 / df[1:])
    margins = stats.t.isf((1 - LEVEL) / 2 / (len(df) - 1), np.where(first == second, df[0], both))
    return float((np.abs(means[:, :1] - means[:, 1:]) <= margins * np.sqrt(first + second)).all(1).mean())
