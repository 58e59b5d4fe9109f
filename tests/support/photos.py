"""Made-up photos of digits: strokes of a pen, turned a little, on lit paper with a shadow's edge, noise and blur."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Points = list[tuple[float, float]]
SIDE = 300


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Points:
    """Points of an ellipse's arc; degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    return [(x + wide * math.cos(angle), y + high * math.sin(angle)) for angle in angles]


STROKES: list[list[Points]] = [  # of each digit, in a square of side 1
    [arc(0.5, 0.5, 0.3, 0.42, -90, 270)],
    [[(0.35, 0.25), (0.52, 0.1), (0.52, 0.9)]],
    [[*arc(0.5, 0.32, 0.26, 0.22, 190, 380), (0.25, 0.88), (0.78, 0.88)]],
    [arc(0.48, 0.3, 0.24, 0.2, 200, 440) + arc(0.48, 0.69, 0.27, 0.21, 280, 510)],
    [[(0.6, 0.1), (0.22, 0.62), (0.8, 0.62)], [(0.62, 0.35), (0.62, 0.92)]],
    [[(0.75, 0.12), (0.33, 0.12), (0.3, 0.45), *arc(0.48, 0.65, 0.26, 0.24, 230, 500)]],
    [[(0.65, 0.1), (0.4, 0.35), *arc(0.5, 0.67, 0.24, 0.23, 200, 560)]],
    [[(0.22, 0.14), (0.78, 0.14), (0.45, 0.9)]],
    [arc(0.5, 0.3, 0.2, 0.19, 90, 450) + arc(0.5, 0.7, 0.25, 0.21, 270, 630)],
    [[*arc(0.5, 0.33, 0.23, 0.22, 0, 360), (0.72, 0.35), (0.62, 0.9)]],
]


def drawn(digit: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a digit's ink somewhere on the paper: [SIDE, SIDE] from 0 to 1."""
    canvas = Image.new("L", (2 * SIDE, 2 * SIDE))
    pen = ImageDraw.Draw(canvas)
    size = generator.uniform(0.35, 0.6) * 2 * SIDE
    place = generator.uniform(0.12 * 2 * SIDE, 0.88 * 2 * SIDE - size, 2)
    angle, width = np.radians(generator.uniform(-15, 15)), int(generator.uniform(0.05, 0.12) * size)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    narrow = generator.uniform(0.65, 1)
    for stroke in STROKES[digit]:
        points = (np.array(stroke) - 0.5) * [narrow, 1] + generator.normal(0, 0.008, (len(stroke), 2))
        line = [(float(x), float(y)) for x, y in (points @ turn + 0.5) * size + place]
        pen.line(line, 255, width, joint="curve")
        for x, y in line:
            pen.circle((x, y), width / 2, 255)
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255


def photo(ink: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Photograph ink: colours [SIDE, SIDE, 3] from 0 to 1, in 255 steps."""
    down, across = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    light = 0.75 + generator.uniform(-0.15, 0.15) * across + generator.uniform(-0.15, 0.15) * down
    angle, place, soft = generator.uniform(0, 2 * np.pi), generator.uniform(-0.6, 0.6), generator.uniform(0.02, 0.15)
    edge = 1 / (1 + np.exp(-(np.cos(angle) * across + np.sin(angle) * down - place) / soft))
    light *= 1 - generator.uniform(0.2, 0.45) * edge
    paper = np.array([1, 0.97, 0.9]) * generator.uniform(0.85, 1)
    pen = generator.uniform(0.05, 0.35, 3)
    colours = light[..., None] * (paper * (1 - ink[..., None]) + pen * ink[..., None])
    sharp = Image.fromarray(np.uint8(255 * colours.clip(0, 1)))
    blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 2)))) / 255
    noisy = blurred + generator.normal(0, generator.uniform(0.005, 0.04), blurred.shape)
    return np.round(255 * noisy.clip(0, 1)) / 255
