"""Draw a policy's contact sheet: training images beside augmented versions of them, as a PNG."""

import io

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mnist_study.augmentation import augment, load
from mnist_study.core.arithmetic.pixels import shifted
from mnist_study.core.mnist import Split
from mnist_study.core.policy import NEUTRAL, Policy

EXAMPLES = 2  # originals of each class
VERSIONS = 8  # augmented versions of each original
SEED = 0
# Lengths are in pixels of the sheet, colours in grey.
TILE, PITCH, GAP, MARGIN, HEADER = 56, 59, 12, 18, 92
PAPER, INK, FAINT = 255, 20, 110
LABELS = {"translation_x": "shift across", "translation_y": "shift down"}
UNITS = dict.fromkeys(("rotation", "shear_x", "shear_y"), "°") | {"blur": " pixels"}
UNITS |= dict.fromkeys(("translation_x", "translation_y", "noise"), " %")


def draw_sheet(name: str, policy: Policy, split: Split) -> bytes:
    """Draw the first two images of each class and eight augmented versions of each; give the PNG's bytes.

    They are those of the engine `exact`. Deterministic. A policy that changes nothing gets the originals alone.
    """
    originals = split.images[first_of_each_class(split)]
    size = originals.shape[1:]
    if not policy.kinds:
        return _lay_out(name, policy, originals.view(-1, EXAMPLES, *size).transpose(0, 1), originals_at=[])
    repeated = originals.repeat_interleave(VERSIONS, 0)
    pixels = augment(repeated, torch.arange(len(repeated)), policy, SEED, epoch=1)
    versions = shifted(pixels, 7).to(torch.uint8)
    strips = torch.cat([originals.unsqueeze(1), versions.view(-1, VERSIONS, *size)], 1)
    strip = 1 + VERSIONS
    tiles = strips.view(-1, EXAMPLES * strip, *size)
    return _lay_out(name, policy, tiles, originals_at=[example * strip for example in range(EXAMPLES)])


def first_of_each_class(split: Split) -> Tensor:
    """Give the indices of the first two images of 0, then of 1, and so on; an only image stands for both."""
    found = [(split.labels == label).nonzero()[:, 0] for label in split.labels.unique()]
    return torch.cat([places[[0, min(1, len(places) - 1)]] for places in found])


def describe(policy: Policy) -> list[str]:
    """Describe what varies and how far, one phrase per parameter."""
    names = [name for kind in load(policy) for name in kind.PARAMETERS if policy.varies(name)]
    return [_phrase(name, *policy.ends(name)) for name in names]


def _phrase(name: str, low: float, high: float) -> str:
    """Describe one range, such as `rotation ±7°`, `shift across ±10 %` or `scale 0.9 to 1.1 times`."""
    label = LABELS.get(name, name.replace("_", " "))
    if name in NEUTRAL:
        return f"{label} {low:g} to {high:g} times"
    unit = UNITS.get(name, "")
    factor = 100 if unit == " %" else 1
    span = f"±{high * factor:g}" if low == -high else f"{low * factor:g} to {high * factor:g}"
    return f"{label} {span}{unit}"


def _lay_out(name: str, policy: Policy, tiles: Tensor, *, originals_at: list[int]) -> bytes:
    """Draw images [rows, columns, side, side] under a title, with a gap beside the columns of originals."""
    rows, columns = tiles.shape[:2]
    lefts = [MARGIN + column * PITCH for column in range(columns)]
    for original in originals_at:
        for column in range(columns):
            lefts[column] += GAP * ((column > original) + 2 * (column >= original > 0))
    sheet = Image.new("L", (lefts[-1] + TILE + MARGIN, HEADER + rows * PITCH + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 14), name, INK, ImageFont.load_default(24))
    what_varies = "  ·  ".join(describe(policy)) or "nothing varies: every epoch shows the originals"
    pen.text((MARGIN, 48), what_varies, INK, ImageFont.load_default(14))
    for column in originals_at:
        pen.text((lefts[column], HEADER - 18), "original", FAINT, ImageFont.load_default(12))
        pen.text((lefts[column + 1], HEADER - 18), "eight augmented versions", FAINT, ImageFont.load_default(12))
    for row in range(rows):
        for column, left in enumerate(lefts):
            tile = Image.fromarray(tiles[row, column].numpy()).resize((TILE, TILE), Image.Resampling.NEAREST)
            sheet.paste(tile, (left, HEADER + row * PITCH))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()
