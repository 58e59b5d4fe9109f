"""Every row of the study as a point: against its published accuracy, and against its network's parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from mnist_study.report.figures.card import INK, MARKERS, PALETTE, QUIET, card, limits, name_point, target_line

NEAR = 1000  # parameters that differ by less would be drawn on top of each other
APART = 420  # so they are drawn side by side, this far apart


@dataclass(frozen=True)
class Point:
    """One row of the study, both test accuracies in percent; points of one `kind` share colour and marker."""

    kind: str
    parameters: int
    published: float
    ours: float
    agrees: bool = True


@dataclass(frozen=True)
class Star:
    """A variant that the study does not have: test accuracy in percent, with its interval."""

    name: str
    parameters: int
    accuracy: float
    interval: tuple[float, float]


def against_published(points: Sequence[Point], target: float) -> bytes:
    """Draw our accuracy over the published one, with the line of equality; a ring marks what does not agree."""
    low, high = limits([value for point in points for value in (point.published, point.ours)], margin=0.05)
    rings = [(point.published, point.ours) for point in points if not point.agrees]
    with card(7.4, 4.9) as (figure, svg):
        axes = figure.subplots()
        axes.plot([low, high], [low, high], color=QUIET, linewidth=1, label="equal")
        axes.axvline(target, color=QUIET, linewidth=0.8, linestyle="--")
        target_line(axes, target)
        for kind, look, own in _by_kind(points):
            axes.scatter([p.published for p in own], [p.ours for p in own], s=30, alpha=0.85, label=kind, **look)
        if rings:
            ring = {"s": 110, "facecolor": "none", "edgecolor": INK, "linewidth": 1, "label": "does not agree"}
            axes.scatter(*zip(*rings, strict=True), **ring)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="published test accuracy, %", ylabel="test accuracy here, %")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return svg.getvalue()


def parameters(points: Sequence[Point], stars: Sequence[Star], target: float, limit: int) -> bytes:
    """Draw accuracy over parameters: rows here, as published (hollow), and variants of our own with their intervals.

    The axis holds the rows and what is better; a variant of our own below it is a triangle at its edge.
    """
    columns = _columns({point.kind: point.parameters for point in points})
    rows = [value for point in points for value in (point.published, point.ours)]
    low, _ = limits([target, *(rows or [star.accuracy for star in stars])], margin=0.05)
    _, high = limits([target, *rows, *(min(star.interval[1], star.accuracy + 0.2) for star in stars)], margin=0.05)
    with card(8.2, 4.4) as (figure, svg):
        axes = figure.subplots()
        target_line(axes, target)
        axes.axvline(limit, color=QUIET, linewidth=0.8, linestyle="--")
        for kind, look, own in _by_kind(points):
            x = np.full(len(own), columns[kind])
            hollow = {"edgecolor": look["color"], "facecolor": "none", "linewidth": 0.7, "marker": look["marker"]}
            axes.scatter(x - 70, [p.ours for p in own], s=24, alpha=0.7, label=kind, **look)
            axes.scatter(x + 110, [p.published for p in own], s=14, alpha=0.7, **hollow)
        axes.set(xlim=(min([5000, *(star.parameters - 1000 for star in stars)]), limit + 600))
        axes.set(ylim=(low, high))
        for star in stars:
            _draw_star(axes, star, low)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        beside = "; networks of nearly equal size stand side by side" if len(columns) > 1 else ""
        axes.set(xlabel=f"parameters{beside}", ylabel="test accuracy, %")
        if points:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="here; hollow: published")
    return svg.getvalue()


def _by_kind(points: Sequence[Point]) -> Iterator[tuple[str, dict, list[Point]]]:
    """Give each kind with its colour and marker, and its points."""
    for index, kind in enumerate(dict.fromkeys(point.kind for point in points)):
        look = {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)], "linewidth": 0}
        yield kind, look, [point for point in points if point.kind == kind]


def _columns(sizes: dict[str, int]) -> dict[str, float]:
    """Give each kind its place on the axis: its parameters, moved aside where other kinds have about as many."""
    places = {}
    for kind, size in sizes.items():
        group = sorted((other for other in sizes if abs(sizes[other] - size) < NEAR), key=lambda other: sizes[other])
        middle = sum(sizes[other] for other in group) / len(group)
        places[kind] = middle + APART * (group.index(kind) - (len(group) - 1) / 2)
    return places


def _draw_star(axes: Axes, star: Star, lowest: float) -> None:
    x, y = star.parameters, star.accuracy
    if y < lowest:
        axes.scatter([x], [lowest], s=40, marker="v", color=INK, linewidth=0, zorder=3, clip_on=False)
        name_point(axes, f"{star.name}, {y:.2f} %", x, lowest)
        return
    axes.plot([x] * 2, star.interval, color=INK, linewidth=1.2)
    axes.scatter([x], [y], s=90, marker="*", color=INK, linewidth=0, zorder=3)
    name_point(axes, star.name, x, y)
