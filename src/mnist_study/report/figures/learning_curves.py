"""Learning curves: test accuracy after each epoch, a panel for each table of the study."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.lines import Line2D

from mnist_study.report.figures.card import INK, PALETTE, card, limits, target_line

DOTTED = "dotted: not augmented"
MANY = 3  # kinds; a legend of more would hide curves
THIN = "thin: batch size 128 or, in tables 5 and 6, with dropout"


@dataclass(frozen=True)
class Curve:
    """Test accuracies in percent, one per epoch; curves of one `kind` share a colour, and the legend names it."""

    kind: str
    accuracies: Sequence[float]
    dotted: bool = False
    thin: bool = False


def learning_curves(panels: dict[str, list[Curve]], target: float, scale: Sequence[float] = ()) -> bytes:
    """Draw a panel for each title, all on one scale; the low values of the first epochs lie below it.

    The scale is that of the last epochs' accuracies `scale`, by default of all curves; a curve that ends below it is
    named in the legend with its last value. A kind has the same colour in every panel, and is explained in the first
    that shows it. Dotted and thin curves are explained under the panels.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    every = [curve for curves in panels.values() for curve in curves]
    lowest, highest = min(scale or [curve.accuracies[-1] for curve in every]), max(max(c.accuracies) for c in every)
    low, _ = limits([lowest], margin=0.6)
    _, high = limits([highest, target], margin=0.1)
    key = [Line2D([], [], color=INK, linestyle=":", label=DOTTED)] if any(curve.dotted for curve in every) else []
    key += [Line2D([], [], color=INK, linewidth=0.8, label=THIN)] if any(curve.thin for curve in every) else []
    with card(3.3 * columns + 0.4, 2.7 * rows + (0.8 if key else 0.4)) as (figure, svg):
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        colours: dict[str, str] = {}
        for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
            fresh = [kind for kind in dict.fromkeys(curve.kind for curve in curves) if kind not in colours]
            for kind in fresh:
                colours[kind] = PALETTE[len(colours) % len(PALETTE)]
            target_line(axes, target)
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
                below = {c.kind: f", below: {c.accuracies[-1]:.2f} %" for c in curves if max(c.accuracies) < low}
                lines = [Line2D([], [], color=colours[kind], label=kind + below.get(kind, "")) for kind in fresh]
                free = title == list(panels)[-1] and len(panels) % columns  # there is no panel beside it
                if free and len(fresh) > MANY:
                    axes.legend(handles=lines, loc="center left", bbox_to_anchor=(1.03, 0.5)).set_in_layout(False)
                else:
                    axes.legend(handles=lines, loc="lower right")
        for axes in list(grid.flat)[len(panels) :]:
            axes.remove()
        grid[0, 0].set_ylim(low, high)
        if key:
            figure.legend(handles=key, loc="outside lower center", ncols=len(key))
        for axes in grid[:, 0]:
            axes.set_ylabel("test accuracy, %")
    return svg.getvalue()
