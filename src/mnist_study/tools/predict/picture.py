"""A picture's ink: how far each pixel is from the paper, whatever the file's format, its colours and its lighting."""

import math
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from mnist_study.core.errors import UserError
from mnist_study.tools.predict.resample import INK

LONGEST = 1024  # pixels of the longer side; a larger picture is made smaller
FAINTEST = 0.06  # contrast of ink and paper, of that of black and white, below which nothing is shown
VISIBLE = 0.5  # opacity
ONE_TONE = 0.25  # range of grey, of that from black to white, below which all that is visible is ink
ROUNDS = 4  # of fitting the paper and leaving out what is not paper
SPOILT = 0.03  # share of ink on the rim, above which a shadow may lie there
CLEANER = 20  # times as little ink there, which tells that it does
SMALL, WINDOW = 96, 31  # pixels of the picture made smaller, and of the square whose median is paper


def read(path: Path) -> np.ndarray:
    """Read a picture's ink, uint8 [H, W] from 0 (paper) to 255; raises UserError naming a file that shows none."""
    try:
        return find(_colours(path))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def find(colours: np.ndarray) -> np.ndarray:
    """Tell ink from paper in colours [H, W, 3] between 0 and 1: uint8 [H, W]; raises ValueError where nothing is shown.

    Paper is what the rim shows, with light that may come from one side. Where that leaves ink on the rim, a shadow may
    lie there: it does if next to none is left by taking for paper the colour around each place. Ink differs from paper
    in the direction in which the picture differs most, so inverted colours are the same ink.
    """
    try:
        ink = _differs(colours, _plane(colours))
    except ValueError:  # also where ink and light cancel out in the sum that gives the direction
        return _differs(colours, _surroundings(colours))
    share = (_rim(ink) >= INK).mean()
    if share > SPOILT:
        with suppress(ValueError):
            other = _differs(colours, _surroundings(colours))
            if CLEANER * (_rim(other) >= INK).mean() < share:
                return other
    return ink


def _differs(colours: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Tell how far colours are from the paper, uint8 [H, W]; raises ValueError where nowhere far."""
    away = colours - paper
    direction = (away * np.linalg.norm(away, axis=2, keepdims=True)).sum((0, 1))
    contrast = away @ direction / max(float(np.linalg.norm(direction)), 1e-12) / math.sqrt(3)  # 1: black on white
    if contrast.max() < FAINTEST:
        raise ValueError("shows nothing: all of it is as its rim")
    full = np.median(contrast[contrast > contrast.max() / 2])
    grain = 3 * 1.4826 * np.median(np.abs(_rim(contrast)))  # three standard deviations, of what most of the rim shows
    floor = min(grain, full / 2)
    return np.round(255 * ((contrast - floor) / (full - floor)).clip(0, 1)).astype(np.uint8)


def _colours(path: Path) -> np.ndarray:
    """Read a picture upright, what is transparent in it filled: [H, W, 3] between 0 and 1."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow can do without
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                count = getattr(file, "n_frames", 1)
                if count > 1 and file.format != "MPO":  # a camera's: the photo and its preview
                    raise ValueError(f"{count} pictures in it; give one of them as a picture of its own")
                picture = ImageOps.exif_transpose(file)
                if picture.mode.startswith(("I", "F")):  # 16 bits and more, of which only differences count
                    picture = _to_bytes(np.asarray(picture, np.float64))
                picture = picture.convert("RGBA")
    except FileNotFoundError:
        raise ValueError("there is no such file") from None
    except UnidentifiedImageError:
        raise ValueError("not a picture of a kind that Pillow reads, such as PNG or JPEG") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"larger than {Image.MAX_IMAGE_PIXELS or 0:,} pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ValueError(f"cannot be read ({words})") from None
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    values = np.asarray(picture, np.float64) / 255
    return _fill(values[..., :3], values[..., 3])


def _to_bytes(values: np.ndarray) -> Image.Image:
    low, high = values.min(), values.max()
    return Image.fromarray(np.uint8(np.round(255 * (values - low) / max(high - low, 1e-9))))


def _fill(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Put what is transparent on paper: on its own where the rest shows some, else on white or on black."""
    seen = opacity > VISIBLE
    if seen.all() and opacity.min() == 1:
        return colours
    if not seen.any():
        raise ValueError("shows nothing: all of it is transparent")
    shown = colours[seen]
    paper = np.median(shown, axis=0)
    darkest, lightest = np.quantile(shown.mean(1), (0.02, 0.98))
    if lightest - darkest < ONE_TONE:
        paper = np.full(3, float(paper.mean() < 0.5))
    return colours * opacity[..., None] + paper * (1 - opacity[..., None])


def _plane(colours: np.ndarray) -> np.ndarray:
    """Fit a plane to the colours of the rim, less what lies far from it: [H, W, 3]."""
    height, width = colours.shape[:2]
    down, across = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(down), down, across], axis=2)
    rim, values = _rim(terms), _rim(colours)
    fitted = np.median(values, axis=0)[None]
    plane = np.concatenate([fitted, np.zeros((2, 3))])
    for _ in range(ROUNDS):
        distance = np.linalg.norm(values - rim @ plane, axis=1)
        paper = distance <= max(3 * np.median(distance), FAINTEST)
        plane = np.linalg.lstsq(rim[paper], values[paper], rcond=None)[0]
    return terms @ plane


def _surroundings(colours: np.ndarray) -> np.ndarray:
    """Give the median of the colours around each place: [H, W, 3]. Thin strokes leave no trace in it."""
    height, width = colours.shape[:2]
    channels = []
    for channel in np.moveaxis(colours.astype(np.float32), 2, 0):
        small = np.asarray(Image.fromarray(channel).resize((SMALL, SMALL), Image.Resampling.BOX))
        paper = Image.fromarray(ndimage.median_filter(small, WINDOW, mode="nearest"))
        channels.append(np.asarray(paper.resize((width, height), Image.Resampling.BICUBIC)))
    return np.stack(channels, axis=2)


def _rim(values: np.ndarray) -> np.ndarray:
    """Give the outermost twentieth on each side of [H, W, ...] as [N, ...]."""
    height, width = values.shape[:2]
    deep = max(1, min(height, width) // 20)
    inside = np.zeros((height, width), bool)
    inside[deep : height - deep, deep : width - deep] = True
    return values[~inside]
