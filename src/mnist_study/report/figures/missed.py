"""Test images, each with its true class and what the networks take it for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_study.report.figures.card import card

COLUMNS = 8
ENLARGED = 3  # a viewer may smooth an image that it enlarges itself


@dataclass(frozen=True)
class Missed:
    """A test image uint8 [side, side], its place, its true class, the common wrong one, and how many miss it."""

    image: np.ndarray
    place: int
    label: str
    answer: str
    missed_percent: float


def gallery(images: Sequence[Missed]) -> bytes:
    """Draw the images, dark on white, in lines of eight."""
    columns, lines = min(COLUMNS, len(images)), -(-len(images) // COLUMNS)
    with card(1.05 * columns + 0.3, 1.2 * lines + 0.3) as (figure, svg):
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, missed in zip(grid.flat, images, strict=False):
            pixels = missed.image.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            axes.imshow(255 - pixels, cmap="gray", vmin=0, vmax=255, interpolation="none")
            apart = ", " if len(missed.label + missed.answer) < 8 else ",\n"
            title = f"{missed.label}{apart}read as {missed.answer}\n#{missed.place}, {missed.missed_percent:.0f} %"
            axes.set_title(title, fontsize=7)
    return svg.getvalue()
