"""Ink made into a digit as MNIST has them (http://yann.lecun.com/exdb/mnist): what its makers did to scanned forms.

The digit is scaled, keeping its proportions, to fit a box of 20 x 20 with grey levels from antialiasing, and set
into 28 x 28 with its centre of mass in the middle. Images of another side show the same in more or fewer pixels.
"""

import math

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE, BOX = 28, 20
MIDDLE = 14.0  # the mean centre of mass of the training images, in pixels from the first
THINNEST = 1.3  # half the width of a digit's widest stroke, in pixels: 5 % of the training images have less
INK = 0.2  # from which a pixel belongs to a stroke
SPECK = 0.03  # share of the largest stroke below which a part is dirt


def as_mnist(ink: np.ndarray, pixels: int = SIDE) -> np.ndarray:
    """Turn ink, float [H, W] from 0 to 1, some of it at least 0.5, into a uint8 image [pixels, pixels]."""
    strokes = thicken(crop(ink))
    pixel = max(strokes.shape) / BOX  # of MNIST, in pixels of the strokes
    field = SIDE * pixel
    margins, starts = [], []
    for centre, side in zip(ndimage.center_of_mass(strokes), strokes.shape, strict=True):
        before = (MIDDLE + 0.5) * pixel - (centre + 0.5)
        before = min(max(before, 0), field - side)  # nothing is left out
        margins.append((math.ceil(before), math.ceil(field - before - side)))
        starts.append(margins[-1][0] - before)
    top, left = starts
    picture = Image.fromarray(np.pad(strokes, margins).astype(np.float32))
    image = picture.resize((pixels, pixels), Image.Resampling.BICUBIC, (left, top, left + field, top + field))
    values = np.asarray(image).clip(0)
    return np.round(255 * values / values.max()).astype(np.uint8)


def crop(ink: np.ndarray) -> np.ndarray:
    """Cut to the strokes, without specks of dirt."""
    parts = np.zeros(ink.shape, np.int32)  # the number of the part that a pixel belongs to, 0 for none
    ndimage.label(ink > INK, np.ones((3, 3)), output=parts)
    sizes = np.bincount(parts.ravel(), ink.ravel())
    sizes[0] = 0
    kept = np.isin(parts, np.flatnonzero(sizes >= SPECK * sizes.max()))
    rows, columns = (np.flatnonzero(kept.any(axis)) for axis in (1, 0))
    clean = np.where(kept | (parts == 0), ink, 0)
    return clean[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def thicken(strokes: np.ndarray) -> np.ndarray:
    """Draw strokes that are thinner than those of MNIST as wide as its thin ones; the box grows by as much."""
    pixel = max(strokes.shape) / BOX  # of MNIST, in pixels of the strokes
    half = _distance(np.pad(strokes > 0.5, 1)).max()
    missing = THINNEST * pixel - half
    if missing < pixel / 4:
        return strokes
    wide = np.pad(strokes, math.ceil(missing) + 1)
    return np.maximum(wide, (missing + 0.5 - _distance(wide <= 0.5)).clip(0, 1))


def _distance(inside: np.ndarray) -> np.ndarray:
    """Give each pixel's distance to the nearest that is not inside."""
    return np.asarray(ndimage.distance_transform_edt(inside))
