"""Ink made into a digit as MNIST has them, by integers alone, so that a browser gets the same pixels (resample.js).

The steps are those of digit.py: the digit is scaled, keeping its proportions, to fit a box of 20 x 20, thickened where
its strokes are thinner than MNIST's, and set into 28 x 28 with its centre of mass in the middle. Both scalings average
areas: each new pixel is the mean of what it covers. docs/site.md has the formulas.
"""

import math

import numpy as np

SIDE, BOX = 28, 20
FINE = 8  # cells of the fine grid in a pixel of MNIST
CELLS = FINE * BOX  # of the longer side
MIDDLE = 29  # twice the place of the centre of mass, in pixels from the image's rim
INK = 52  # from which a pixel belongs to a stroke
SOLID = 128  # from which a cell is inside one
HALF = 10  # cells: half the width of a digit's widest stroke, if not more
LEAST = 2  # cells; less is not added
LONGEST = 1024  # pixels of the longer side, so that all sums stay below 2^53


def as_mnist(ink: np.ndarray, pixels: int = SIDE) -> np.ndarray:
    """Turn ink, uint8 [H, W], into a uint8 image [pixels, pixels].

    Raises ValueError where no pixel has INK or the ink is wider or higher than LONGEST.
    """
    strokes = thicken(fine(crop(ink)))
    (height, width), longer = strokes.shape, max(strokes.shape)
    # In units of 1 / (2 * BOX * pixels) of a cell; a pixel of the image is 56 / pixels of a box's 40th.
    cell, pixel = 2 * BOX * pixels, 2 * SIDE * longer
    total = int(strokes.sum())
    cover = []
    for cells, masses in ((height, strokes.sum(1)), (width, strokes.sum(0))):
        moment = int((masses * (2 * np.arange(cells) + 1)).sum())  # of half cells
        centre = (2 * BOX * pixels * moment + total) // (2 * total)
        start = centre - MIDDLE * longer * pixels
        start = max(min(start, 0), cell * cells - pixel * pixels)  # nothing is left out
        cover.append(overlaps(pixels, pixel, start, cells, cell))
    down, across = cover
    sums = down @ strokes @ across.T
    most = int(sums.max())
    return ((2 * 255 * sums + most) // (2 * most)).astype(np.uint8)


def crop(ink: np.ndarray) -> np.ndarray:
    """Cut to the pixels that have INK, as int64."""
    rows, columns = (np.flatnonzero((ink >= INK).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("there is no ink")
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)
    if max(cut.shape) > LONGEST:
        raise ValueError(f"the ink is {cut.shape[0]} x {cut.shape[1]} pixels; at most {LONGEST} are allowed")
    return cut


def fine(ink: np.ndarray) -> np.ndarray:
    """Scale to CELLS cells on the longer side; a last cell that is partly outside counts as empty there."""
    longer = max(ink.shape)
    down, across = (overlaps(-(-CELLS * side // longer), longer, 0, side, CELLS) for side in ink.shape)
    return (2 * (down @ ink @ across.T) + longer**2) // (2 * longer**2)


def overlaps(count: int, size: int, start: int, others: int, other: int) -> np.ndarray:
    """Give the length that intervals share, int64 [count, others].

    One row of `count` intervals, each of length `size`, begins at `start`; the other of `others`, each of length
    `other`, at 0.
    """
    begin, from_ = start + size * np.arange(count)[:, None], other * np.arange(others)[None]
    return (np.minimum(begin + size, from_ + other) - np.maximum(begin, from_)).clip(min=0)


def thicken(strokes: np.ndarray) -> np.ndarray:
    """Grow thin strokes by whole cells, up to those of MNIST; the box grows by as much on each side."""
    solid = strokes >= SOLID
    if not solid.any():
        return strokes
    missing = HALF - math.isqrt(int(squared_distances(np.pad(~solid, 1, constant_values=True)).max()))
    if missing < LEAST:
        return strokes
    near = squared_distances(np.pad(solid, missing)) <= missing**2
    return np.where(near, 255, np.pad(strokes, missing))


def squared_distances(marked: np.ndarray) -> np.ndarray:
    """Give each cell's squared distance to the nearest marked one, int64 [H, W]; at least one is marked."""
    height, width = marked.shape
    far = height + width  # farther than any
    vertical = np.where(marked, 0, far)
    for row in range(1, height):
        vertical[row] = np.minimum(vertical[row], vertical[row - 1] + 1)
    for row in range(height - 2, -1, -1):
        vertical[row] = np.minimum(vertical[row], vertical[row + 1] + 1)
    apart = (np.arange(width)[:, None] - np.arange(width)[None]) ** 2
    return (vertical[:, None, :] ** 2 + apart[None]).min(2)
