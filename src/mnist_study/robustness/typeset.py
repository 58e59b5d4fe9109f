"""Digits set in type, by the fonts that matplotlib brings, fitted into the image as MNIST's makers fitted theirs."""

from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mnist_study.core.mnist import Split

CLASSES = list("0123456789")
CHANGE = "set in type"
FONTS = (
    *(f"DejaVuSans{kind}" for kind in ("", "-Bold", "-BoldOblique", "-Oblique")),
    *(f"DejaVuSansMono{kind}" for kind in ("", "-Bold", "-BoldOblique", "-Oblique")),
    *(f"DejaVuSerif{kind}" for kind in ("", "-Bold", "-BoldItalic", "-Italic")),
    *(f"STIXGeneral{kind}" for kind in ("", "Bol", "BolIta", "Italic")),
    *("cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)
SIZE = 200  # pixels, before it is made smaller
BOX = 20 / 28  # share of the side that the longer side of a digit takes (http://yann.lecun.com/exdb/mnist)


def digits(side: int) -> Split:
    """Draw each digit in each font: images uint8 [10 * fonts, side, side], white on black."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fonts = [ImageFont.truetype(folder / f"{name}.ttf", SIZE) for name in FONTS]
    images = [draw(digit, font, side) for font in fonts for digit in CLASSES]
    return Split(torch.stack(images), torch.arange(len(CLASSES)).repeat(len(fonts)))


def draw(text: str, font: ImageFont.FreeTypeFont, side: int) -> Tensor:
    """Draw text, uint8 [side, side]: its longer side fills the box, its centre of mass is the image's centre."""
    left, top, right, bottom = (round(end) for end in font.getbbox(text))
    canvas = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=font)
    scale = side * BOX / max(canvas.size)
    width, height = (max(1, round(length * scale)) for length in canvas.size)
    ink = np.asarray(canvas.resize((width, height), Image.Resampling.BOX), np.float64)
    across, down = ink.sum(0) @ np.arange(width), ink.sum(1) @ np.arange(height)
    x, y = (
        min(max(round((side - 1) / 2 - mass / ink.sum()), 0), side - length)
        for mass, length in ((across, width), (down, height))
    )
    image = np.zeros((side, side), np.uint8)
    image[y : y + height, x : x + width] = ink
    return torch.from_numpy(image)
