"""How often `predict` names digits and doubts everything else: the tables of docs/predict.md.

`python -m tests.predict_rates [VARIANT [WORD...]]` in a checkout with restored results: all kinds of pictures, or those
with one of the words in their names.
"""

import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_study.core import mnist
from mnist_study.robustness.typeset import FONTS
from mnist_study.tools.predict import picture, resample
from mnist_study.tools.predict.predict import answer, unsure
from mnist_study.tools.predict.source import in_checkout
from tests.support import photos

SIDE, SIZE = 200, 110  # pixels of a picture set in type, and of its font
LETTERS = string.ascii_uppercase
NUMBERS = [str(number) for number in range(10, 100)]
Labelled = Iterator[tuple[np.ndarray, str]]  # a picture's colours or grey, from 0 to 1, and what it shows


def in_type(text: str, font: str) -> np.ndarray:
    """Set text in black on white: [SIDE, SIDE] from 0 to 1."""
    image = Image.new("L", (SIDE, SIDE), 255)
    typeface = ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf", SIZE)
    ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), text, 0, typeface, anchor="mm")
    return np.asarray(image) / 255


def scribble(generator: np.random.Generator) -> np.ndarray:
    """Draw a line through five to twelve random places."""
    image = Image.new("L", (SIDE, SIDE), 255)
    places = generator.uniform(30, SIDE - 30, (generator.integers(5, 13), 2))
    ImageDraw.Draw(image).line([(x, y) for x, y in places], 0, 11, joint="curve")
    return np.asarray(image) / 255


def kinds() -> dict[str, Callable[[], Labelled]]:
    """Give each kind of pictures; whatever is no digit is to be unsure."""
    return {
        "digits in type": lambda: ((in_type(text, font), text) for font in FONTS for text in string.digits),
        "made-up photos of digits, with shadows": taken,
        "test images cut to fill the picture": lambda: ((filled(image), label) for image, label in tests(400)),
        "test images ten times as large": lambda: (
            (image.repeat(10, 0).repeat(10, 1), is_) for image, is_ in tests(400)
        ),
        "letters A to Z in type": lambda: ((in_type(text, font), text) for font in FONTS for text in LETTERS),
        "numbers 10 to 99 in type": lambda: ((in_type(text, font), text) for font in FONTS[::5] for text in NUMBERS),
        "scribbles": lambda: ((scribble(np.random.default_rng(seed)), "a scribble") for seed in range(60)),
        "noise": lambda: ((np.random.default_rng(seed).uniform(size=(100, 100)), "noise") for seed in range(60)),
    }


def taken() -> Labelled:
    generator = np.random.default_rng(1)
    for number in range(320):
        yield photos.photo(photos.drawn(number % 10, generator), generator), str(number % 10)


def tests(count: int) -> Labelled:
    split = mnist.test_split(Path("data/mnist"))
    return ((split.images[i].numpy() / 255, str(int(split.labels[i]))) for i in range(count))


def filled(image: np.ndarray) -> np.ndarray:
    """Cut an image to its ink and a margin of two pixels."""
    rows, columns = (np.flatnonzero((image > 0.2).any(axis)) for axis in (1, 0))
    top, left = max(0, rows[0] - 2), max(0, columns[0] - 2)
    return image[top : rows[-1] + 3, left : columns[-1] + 3]


def as_images(pictures: Labelled) -> tuple[np.ndarray, list[str]]:
    """Give what the networks see of pictures, as `predict` does, and their labels."""
    seen, labels = [], []
    for values, label in pictures:
        colours = np.broadcast_to(values[..., None], (*values.shape, 3)) if values.ndim == 2 else values
        seen.append(resample.as_mnist(picture.find(colours)))
        labels.append(label)
    return np.stack(seen), labels


def main(variant: str | None = None, *words: str) -> None:
    """Print a line for each kind, and how many of each letter are named, and as what."""
    source, named = in_checkout(variant), Counter[str]()
    print(f"by {len(source.recipe.seeds)} networks of {source.recipe.variant}\n")
    print("| pictures | number | named rightly | named wrongly | unsure |\n| --- | --- | --- | --- | --- |")
    for kind, pictures in kinds().items():
        if words and not any(word in kind for word in words):
            continue
        images, labels = as_images(pictures())
        told = [
            "unsure" if unsure(shares) or resample.side_by_side(image) else str(shares.argmax())
            for shares, image in zip(answer(source, images), images, strict=True)
        ]
        pairs = list(zip(labels, told, strict=True))
        right, doubted = sum(label == each for label, each in pairs), told.count("unsure")
        print(f"| {kind} | {len(told):,} | {right:,} | {len(told) - right - doubted:,} | {doubted:,} |", flush=True)
        named.update(f"{label} as {each}" for label, each in pairs if label in LETTERS and each != "unsure")
    print(f"\nletters named, of {len(FONTS)} fonts: {', '.join(f'{which} {named[which]}' for which in sorted(named))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
