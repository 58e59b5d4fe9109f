"""How often are the report's intervals right? Simulate whole studies and count; nothing is trained.

Two CSV files have test accuracies of networks. In one all rows share their seeds. From it come the variance between
seeds, of seed by factor, and what remains, by scheduler and augmentation, for made-up networks with normal noise. In
the other each row has seeds of its own: the networks' distances from their row's mean are drawn again, by scheduler and
augmentation, so with the tails that they have. In the made-up studies all rows are truly equal, so every interval
should contain 0.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mnist_study.report.analysis import effects
from mnist_study.report.analysis.designs import DESIGNS, FULL_WIDTH, Design
from mnist_study.report.analysis.intervals import LEVEL
from mnist_study.report.page.markdown import table
from mnist_study.report.results.reference import read_published
from mnist_study.tools.coverage.analyses import Analysis, by_seed, independent, mixed, with_blocks
from mnist_study.tools.coverage.made_up import Frame, Spread, draw, draw_again, measure, read

PUBLISHED = Path("reference/published.csv")


def coverage(with_shared: Path, with_own: Path, studies: int, seeds: int) -> str:
    """Simulate so many studies with so many seeds a row; give Markdown. Raises UserError for other files."""
    rows: Frame = pd.DataFrame([effects.run(name, row, 0, 0.0) for name, row in read_published(PUBLISHED).items()])
    rows["group"] = rows["scheduler"] + ", " + rows["augmentation"]
    names, generator, size = list(rows["variant"]), np.random.default_rng(0), (studies, seeds)
    spread, landed = measure(rows, read(with_shared, names)), read(with_own, names)
    shared, own = (draw(rows, spread, size, generator, shared=which) for which in (True, False))
    again = draw_again(rows, landed, size, generator)
    return "\n\n".join([_spread(spread), _effects(rows, shared, own, again), _rows(rows, own, again)])


def _spread(spread: Spread) -> str:
    lines = [("seed", spread.seed), *((f"seed by {factor}", sd) for factor, sd in spread.factors.items())]
    lines += [(f"rest: {group}", sd) for group, sd in spread.rest.items()]
    return table(("source", "standard deviation"), [(name, f"{sd:.3f}") for name, sd in lines])


def _effects(rows: Frame, shared: np.ndarray, own: np.ndarray, again: np.ndarray) -> str:
    """Count, for each analysis and comparison, the intervals that contain 0."""
    columns = {
        "shared seeds, as blocks": _counted(with_blocks, DESIGNS, rows, shared),
        "shared seeds, one estimate each": _counted(by_seed, DESIGNS, rows, shared),
        "shared seeds, mixed model": _counted(mixed, [FULL_WIDTH], rows, shared),
        "rows with seeds of their own": _counted(independent, DESIGNS, rows, own),
        "the same, noise drawn again": _counted(independent, DESIGNS, rows, again),
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


def _rows(rows: Frame, own: np.ndarray, again: np.ndarray) -> str:
    """Count the studies in which all statements about rows are right, by how the noise is pooled."""
    groups = {"scheduler": rows["scheduler"], "scheduler and augmentation": rows["group"], "nothing": rows["variant"]}
    lines = [
        (words, noise, *(f"{100 * share:.1f} %" for share in _right(of_row, made)))
        for noise, made in (("normal", own), ("drawn again", again))
        for words, of_row in groups.items()
    ]
    header = ("noise pooled by", "noise", "all rows' intervals at once", "one more run, mean of rows")
    return table((*header, "the same, worst row", "one row and all others"), lines)


def _right(groups: Frame, made: np.ndarray) -> tuple[float, float, float, float]:
    """Give the shares of studies in which each kind of statement is right."""
    means, seeds = made.mean(2), made.shape[2]
    more = made[:, :, 0] - np.roll(means, 1, axis=0)  # a run of one study, less the row's mean in another
    sd, df = _pooled(groups, made)
    margins = stats.t.isf((1 - LEVEL) / 2 / len(groups), df) * sd / np.sqrt(seeds)
    right = (np.abs(means) <= margins).all(1).mean()
    wide = stats.t.isf((1 - LEVEL) / 2, df) * np.roll(sd, 1, axis=0) * np.sqrt(1 + 1 / seeds)
    agrees = (np.abs(more) <= wide).mean(0)
    return float(right), float(agrees.mean()), float(agrees.min()), _against_others(means, sd, df, seeds)


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
