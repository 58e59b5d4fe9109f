"""Ink made into a digit as MNIST has them, by integers alone, so that a browser gets the same pixels (resample.js).

MNIST's makers (http://yann.lecun.com/exdb/mnist) did so with scanned forms: the digit is scaled, keeping its
proportions, to fit a box of 20 x 20, and set into 28 x 28 with its centre of mass in the middle. Here, strokes that are
thinner than MNIST's are also thickened. Both scalings average areas: each new pixel is the mean of what it covers.
Images of another side show the same in more or fewer pixels. docs/site.md has the formulas.
"""

import math

import numpy as np
from scipy import ndimage

SIDE, BOX = 28, 20
FINE = 8  # cells of the fine grid in a pixel of MNIST
CELLS = FINE * BOX  # of the longer side
MIDDLE = 29  # twice the place of the centre of mass, the mean of the training images', in pixels from the image's rim
INK = 52  # from which a pixel belongs to a stroke
SPECKS = 33  # so many times less ink than the largest part has: a part that is dirt
SOLID = 128  # from which a cell is inside one
HALF = 10  # cells: half the width of a digit's widest stroke, if not more; 5 % of the training images have less
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
    sums = areas(strokes, down, across)
    most = int(sums.max())
    return ((2 * 255 * sums + most) // (2 * most)).astype(np.uint8)


def side_by_side(image: np.ndarray) -> bool:
    """Tell whether an image is wider than high and has an empty column inside, as numbers of several digits have."""
    rows, columns = (np.flatnonzero((image >= SOLID).any(axis)) for axis in (1, 0))
    return columns.size > 0 and bool(np.ptp(columns) > np.ptp(rows) and columns.size <= np.ptp(columns))


def crop(ink: np.ndarray) -> np.ndarray:
    """Cut to the pixels that have INK, without specks of dirt, as int64."""
    parts = np.zeros(ink.shape, np.int32)  # the number of the part that a pixel belongs to, 0 for none
    if not ndimage.label(ink >= INK, np.ones((3, 3)), output=parts):
        raise ValueError("there is no ink")
    sizes = np.bincount(parts.ravel(), ink.ravel()).astype(np.int64)
    dirt = SPECKS * sizes < sizes[1:].max()
    dirt[0] = False  # the faint rim of strokes
    clean = np.where(dirt[parts], 0, ink)
    rows, columns = (np.flatnonzero((clean >= INK).any(axis)) for axis in (1, 0))
    cut = clean[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)
    if max(cut.shape) > LONGEST:
        raise ValueError(f"the ink is {cut.shape[0]} x {cut.shape[1]} pixels; at most {LONGEST} are allowed")
    return cut


def fine(ink: np.ndarray) -> np.ndarray:
    """Scale to CELLS cells on the longer side; a last cell that is partly outside counts as empty there."""
    longer = max(ink.shape)
    down, across = (overlaps(-(-CELLS * side // longer), longer, 0, side, CELLS) for side in ink.shape)
    return (2 * areas(ink, down, across) + longer**2) // (2 * longer**2)


def areas(values: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Sum values [H, W] over rectangles with the weights [h, H] and [w, W]: int64 [h, w].

    In float64, which holds all these sums exactly and multiplies matrices sooner than integers.
    """
    return (down.astype(float) @ values.astype(float) @ across.T.astype(float)).astype(np.int64)


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
    nearest = ndimage.distance_transform_edt(~marked, return_distances=False, return_indices=True)
    return ((np.asarray(nearest) - np.indices(marked.shape)) ** 2).sum(0)
