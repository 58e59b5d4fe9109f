"""The report's figures as SVG: the same bytes every time, on a white card that dark pages can carry too."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.typing import RcKeyType

from mnist_study.statistics import difference_interval

# Okabe and Ito's colours, told apart with any kind of colour vision; their yellow is too pale for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP"
INK = "#24292f"
QUIET = "#6e7781"
MISSES = LinearSegmentedColormap.from_list("misses", ["#ffffff", "#56B4E9", "#0072B2"])
STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.color": "#d8dee4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "mnist-study",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


@dataclass(frozen=True)
class Curve:
    """Test accuracies in percent, one an epoch; curves of one `kind` share a colour, and the legend names it."""

    kind: str
    accuracies: Sequence[float]
    dotted: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Point:
    """One row of the study, both test accuracies in percent; points of one `kind` share colour and marker."""

    kind: str
    published: float
    ours: float


def learning_curves(panels: dict[str, list[Curve]], target: float) -> bytes:
    """Draw a panel for each title, all on one scale that leaves the first epochs' low values below its edge.

    A kind has the same colour in every panel, and is explained in the first that shows it.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    finals = [curve.accuracies[-1] for curves in panels.values() for curve in curves]
    highest = max(max(curve.accuracies) for curves in panels.values() for curve in curves)
    with _card(3.3 * columns + 0.4, 2.7 * rows + 0.4) as (figure, svg):
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        colours: dict[str, str] = {}
        for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
            fresh = [kind for kind in dict.fromkeys(curve.kind for curve in curves) if kind not in colours]
            for kind in fresh:
                colours[kind] = PALETTE[len(colours) % len(PALETTE)]
            _target_line(axes, target)
            for curve in curves:
                axes.plot(
                    range(1, len(curve.accuracies) + 1),
                    curve.accuracies,
                    color=colours[curve.kind],
                    linestyle=":" if curve.dotted else "-",
                    linewidth=0.8 if curve.thin else 1.5,
                    marker="." if len(curve.accuracies) == 1 else None,
                )
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if fresh:
                lines = [Line2D([], [], color=colours[kind], label=kind) for kind in fresh]
                axes.legend(handles=lines, loc="lower right")
        for axes in list(grid.flat)[len(panels) :]:
            axes.remove()
        grid[0, 0].set_ylim(min(finals) - 0.6, max(highest, target) + 0.1)
        for axes in grid[:, 0]:
            axes.set_ylabel("test accuracy, %")
    return svg.getvalue()


def against_published(points: Sequence[Point], target: float) -> bytes:
    """Draw our accuracy over the published one, with the line of equality and what two single runs may differ by."""
    values = np.array([(point.published, point.ours) for point in points])
    low, high = float(values.min()) - 0.1, float(values.max()) + 0.1
    line = np.linspace(low, high, 60)
    half = [difference_interval(min(x, 100.0), min(x, 100.0))[1] for x in line]
    with _card(7.4, 4.9) as (figure, svg):
        axes = figure.subplots()
        axes.fill_between(line, line - half, line + half, color="#eaeef2", linewidth=0, label="within noise (one seed)")
        axes.plot(line, line, color=QUIET, linewidth=1, label="equal")
        axes.axvline(target, color=QUIET, linewidth=0.8, linestyle="--")
        _target_line(axes, target)
        for index, kind in enumerate(dict.fromkeys(point.kind for point in points)):
            own = np.array([(point.published, point.ours) for point in points if point.kind == kind])
            colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
            axes.scatter(own[:, 0], own[:, 1], s=30, color=colour, marker=marker, linewidth=0, alpha=0.85, label=kind)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="published test accuracy, %", ylabel="test accuracy here, %")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return svg.getvalue()


def confusion(counts: Sequence[Sequence[int]], title: str) -> bytes:
    """Draw the counts [10][10], rows the true class; only the misses are coloured, or nothing else would be seen."""
    table = np.array(counts)
    misses = np.where(np.eye(len(table), dtype=bool), 0, table)
    with _card(5.2, 5.2) as (figure, svg):
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
        axes.set_xticks(ticks + 0.5, [str(tick) for tick in ticks])
        axes.set_yticks(ticks + 0.5, [str(tick) for tick in ticks])
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set(aspect="equal", title=title, xlabel="predicted", ylabel="true")
    return svg.getvalue()


def _target_line(axes: Axes, target: float) -> None:
    axes.axhline(target, color=QUIET, linewidth=0.8, linestyle="--")


@contextmanager
def _card(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Lend a figure of that size in inches; at the end it is in the buffer, on a white card with round corners."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a matplotlibrc on this machine says
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
        figure.patch.set_visible(False)
        card = FancyBboxPatch(
            (0, 0),
            1,
            1,
            boxstyle="round,pad=0,rounding_size=0.02",
            mutation_aspect=width / height,
            transform=figure.transFigure,
            facecolor="#ffffff",
            edgecolor="none",
            zorder=-1,
        )
        figure.add_artist(card)
        buffer = io.BytesIO()
        yield figure, buffer
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
