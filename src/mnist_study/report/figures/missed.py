"""Test images, each with its true class and what the networks take it for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_study.report.figures.card import card

COLUMNS = 8
PITCH, LINE = 1.3, 1.5  # from one image to the next and from one line to the next, in an image's side
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
        axes = figure.subplots()  # one for all: each costs a thirtieth of a second
        axes.set_axis_off()
        for place, missed in enumerate(images):
            line, column = divmod(place, COLUMNS)
            left, top = column * PITCH, line * LINE
            pixels = missed.image.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            box = (left, left + 1, top + 1, top)
            axes.imshow(255 - pixels, cmap="gray", vmin=0, vmax=255, interpolation="none", extent=box)
            apart = ", " if len(missed.label + missed.answer) < 8 else ",\n"
            title = f"{missed.label}{apart}read as {missed.answer}\n#{missed.place}, {missed.missed_percent:.0f} %"
            axes.text(left + 0.5, top - 0.08, title, ha="center", va="bottom", fontsize=7)
        axes.set(xlim=(-0.15, columns * PITCH - 0.15), ylim=(lines * LINE - 0.35, -0.45))
    return svg.getvalue()
