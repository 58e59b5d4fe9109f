"""Test digits, each with its true class and what the networks take it for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_study.report.figures.card import card

COLUMNS = 8
ENLARGED = 3  # a viewer may smooth an image that it enlarges itself


@dataclass(frozen=True)
class Digit:
    """A test image uint8 [28, 28], its place among them, its true class, the common wrong one, and how many miss it."""

    image: np.ndarray
    place: int
    label: int
    answer: int
    missed_percent: float


def gallery(digits: Sequence[Digit]) -> bytes:
    """Draw the digits, dark on white, in lines of eight."""
    columns, lines = min(COLUMNS, len(digits)), -(-len(digits) // COLUMNS)
    with card(1.05 * columns + 0.3, 1.2 * lines + 0.3) as (figure, svg):
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, digit in zip(grid.flat, digits, strict=False):
            pixels = digit.image.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            axes.imshow(255 - pixels, cmap="gray", vmin=0, vmax=255, interpolation="none")
            title = f"{digit.label}, read as {digit.answer}\n#{digit.place}, {digit.missed_percent:.0f} %"
            axes.set_title(title, fontsize=7)
    return svg.getvalue()
