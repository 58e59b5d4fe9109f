"""The card that every figure is drawn on: SVG, the same bytes every time, white, so that it reads on dark pages too."""

import io
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import FancyBboxPatch
from matplotlib.typing import RcKeyType

# Okabe and Ito's colours, distinct with any kind of colour vision; their yellow is too pale for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vh"
INK = "#24292f"
QUIET = "#6e7781"
NEAR_LEFT = 0.2  # share of the axis: a name there would leave the picture
STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # Verdana's letters are as wide
    "font.size": 9,
    "grid.color": "#d8dee4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text as text, not as outlines of letters
    "svg.hashsalt": "mnist-study",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


def target_line(axes: Axes, target: float) -> None:
    """Draw the target accuracy."""
    axes.axhline(target, color=QUIET, linewidth=0.8, linestyle="--")


def limits(accuracies: Iterable[float], margin: float) -> tuple[float, float]:
    """Give the ends of an axis for these accuracies in percent, at whole tenths, so that one more seldom moves it."""
    low, high = min(values := [*accuracies]), max(values)
    return math.floor(10 * (low - margin)) / 10, min(math.ceil(10 * (high + margin)) / 10, 100.0)


def name_point(axes: Axes, name: str, x: float, y: float) -> None:
    """Write a name left of a point, or right of it near the left end of the axis, whose limits must be set."""
    left, right = (float(axes.get_xaxis_transform().transform((end, 0))[0]) for end in axes.get_xlim())
    near = (float(axes.transData.transform((x, y))[0]) - left) / (right - left) < NEAR_LEFT
    place, side = ((8, 3), "left") if near else ((-7, 3), "right")
    axes.annotate(name, (x, y), xytext=place, textcoords="offset points", ha=side, fontsize=8, zorder=4)


@contextmanager
def card(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Yield a figure of that size in inches and a buffer, which holds its SVG at the end."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a matplotlibrc on this machine says
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
        figure.patch.set_visible(False)
        sheet = FancyBboxPatch(
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
        figure.add_artist(sheet)
        buffer, drawn = io.BytesIO(), io.StringIO()
        yield figure, buffer
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        buffer.write(tidy(drawn.getvalue()).encode())


def tidy(svg: str) -> str:
    """Make the SVG's diffs short: a path is one line, coordinates have two decimals (of 1/72 inch), groups no number.

    Matplotlib numbers its groups, so one more line would rename all that follow. Nothing refers to them.
    """
    return re.sub(r"<[^>]*>", _tidy_tag, svg)


def _tidy_tag(tag: re.Match[str]) -> str:
    text = re.sub(r'^<g id="[^"]*"', "<g", tag[0])
    text = re.sub(r' d="[^"]*"', lambda path: " " + " ".join(path[0].split()), text)
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)
