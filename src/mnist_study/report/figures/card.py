"""The card that every figure is drawn on: SVG, the same bytes every time, white, so that it reads on dark pages too."""

import io
from collections.abc import Iterator
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


def target_line(axes: Axes, target: float) -> None:
    """Draw the target accuracy."""
    axes.axhline(target, color=QUIET, linewidth=0.8, linestyle="--")


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
        buffer = io.BytesIO()
        yield figure, buffer
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
