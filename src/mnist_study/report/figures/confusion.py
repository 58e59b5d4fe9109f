"""A confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from mnist_study.report.figures.card import INK, QUIET, card

MISSES = LinearSegmentedColormap.from_list("misses", ["#ffffff", "#56B4E9", "#0072B2"])


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> bytes:
    """Draw the counts [K][K] of K classes, rows the true one; only the misses are coloured, or none would be seen."""
    table = np.array(counts)
    misses = np.where(np.eye(len(table), dtype=bool), 0, table)
    size = max(5.2, 0.4 * len(classes))
    with card(size, size) as (figure, svg):
        axes = figure.subplots()
        axes.grid(visible=False)
        most = max(int(misses.max()), 1)
        axes.pcolormesh(misses, cmap=MISSES, vmin=0, vmax=most, edgecolors="#eaeef2", linewidth=0.5)
        for (row, column), count in np.ndenumerate(table):
            strong = misses[row, column] > 0.6 * most
            colour = "#ffffff" if strong else QUIET if row == column else INK
            if count:
                axes.text(column + 0.5, row + 0.5, str(count), ha="center", va="center", color=colour, fontsize=8)
        ticks = np.arange(len(table))
        axes.set_xticks(ticks + 0.5, classes, rotation=90 if max(map(len, classes)) > 3 else 0)
        axes.set_yticks(ticks + 0.5, classes)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set(aspect="equal", title=title, xlabel="predicted", ylabel="true")
    return svg.getvalue()
