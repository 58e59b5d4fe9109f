"""The front: the champions' accuracy over their parameters, with what others report."""

from collections.abc import Sequence
from string import ascii_uppercase

from mnist_study.report.figures.card import INK, PALETTE, card, limits, name_point, target_line
from mnist_study.report.figures.scatter_plots import Point, Star
from mnist_study.report.results.reference import Elsewhere


def front(stars: Sequence[Star], rows: Sequence[Point], elsewhere: Sequence[Elsewhere], target: float) -> bytes:
    """Draw the champions with their intervals, the study's rows here, and results of others as letters by their names.

    The axis of parameters is logarithmic.
    """
    stars = sorted(stars, key=lambda star: star.parameters)
    accuracies = [*(star.accuracy for star in stars), *(point.accuracy for point in elsewhere)]
    low, high = limits([target, *accuracies], margin=0.1)
    with card(8.6, 4.6) as (figure, svg):
        axes = figure.subplots()
        target_line(axes, target)
        if rows:
            places = [row.parameters for row in rows], [row.ours for row in rows]
            axes.scatter(*places, s=10, color=PALETTE[0], alpha=0.35, linewidth=0, label="the study's rows, here")
        places = [star.parameters for star in stars], [star.accuracy for star in stars]
        axes.plot(*places, color=INK, linewidth=0.8)
        axes.scatter(*places, s=70, marker="*", color=INK, linewidth=0, zorder=3, label="champions, 95 % intervals")
        for star in stars:
            axes.plot([star.parameters] * 2, star.interval, color=INK, linewidth=1.2)
        for letter, point in zip(ascii_uppercase, elsewhere, strict=False):
            look = {"marker": rf"$\mathrm{{{letter}}}$", "s": 40, "color": PALETTE[1], "linewidth": 0}
            axes.scatter([point.parameters], [point.accuracy], label=point.name, **look)
        axes.set(xscale="log", ylim=(low, high))
        axes.margins(x=0.15)
        for star in stars:
            name_point(axes, f"{star.name}, {star.accuracy:.2f}", star.parameters, star.accuracy)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel="parameters (logarithmic)", ylabel="test accuracy, %")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return svg.getvalue()
