"""A network as a row of its outputs: as high as the image is, as wide as there are channels."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.patches import Rectangle

from mnist_study.configure.networks import Layer
from mnist_study.report.figures.card import INK, PALETTE, QUIET, card

# What begins a new slab: the first word of the layer's name, its words on the page and its colour.
KINDS = {
    "Conv2d": ("conv", PALETTE[0]),
    "MaxPool2d": ("max pool", PALETTE[1]),
    "AvgPool2d": ("average", PALETTE[2]),
    "AdaptiveAvgPool2d": ("average", PALETTE[2]),
    "Linear": ("linear", PALETTE[3]),
}
WORDS = {"BatchNorm2d": "norm", "Flatten": "", "Dropout": "dropout"}
PITCH = 30  # from slab to slab, in pixels of the image


@dataclass
class Slab:
    """An output (C, H, W) and the words under it."""

    size: tuple[int, int, int]
    words: list[str]
    colour: str


def diagram(layers: Sequence[Layer], image: int = 28) -> bytes:
    """Draw the layers from left to right; what keeps the size, such as a norm, is named under the slab before it.

    `image` is the side of the images.
    """
    slabs = _slabs(layers, image)
    lines = max(len(slab.words) for slab in slabs)
    depth = 3 + 4.3 * lines  # of the words, in the image's pixels
    with card(0.78 * len(slabs) + 0.3, 0.026 * (image + 8 + depth) + 0.4) as (figure, svg):
        axes = figure.subplots()
        axes.set_axis_off()
        for place, slab in enumerate(slabs):
            channels, height, _ = slab.size
            x, width = place * PITCH, 1.0 + 0.8 * channels
            axes.add_patch(Rectangle((x - width / 2, -height / 2), width, height, color=slab.colour, linewidth=0))
            side = f"\n{height}x{height}" if height > 1 else ""
            axes.text(x, image / 2 + 2, f"{channels}{side}", ha="center", va="bottom", color=INK, fontsize=8)
            words = "\n".join(slab.words)
            axes.text(x, -image / 2 - 2, words, ha="center", va="top", color=QUIET, fontsize=8)
        axes.set(xlim=(-PITCH / 2, (len(slabs) - 0.5) * PITCH), ylim=(-image / 2 - depth, image / 2 + 12))
    return svg.getvalue()


def _slabs(layers: Sequence[Layer], image: int) -> list[Slab]:
    slabs = [Slab((1, image, image), ["image"], QUIET)]
    for layer in layers:
        name, _, rest = layer.name.partition(" ")
        if name in KINDS:
            word, colour = KINDS[name]
            colour = PALETTE[5] if rest.startswith("1x1") else colour
            side, again, _ = rest.partition(" again")
            slabs.append(Slab(_spatial(layer.output_size), [f"{word} {side}".strip(), *again.split()], colour))
        elif word := WORDS.get(name, name):
            slabs[-1].words.append(f"{word} {rest}".strip())
    return slabs


def _spatial(size: tuple[int, ...]) -> tuple[int, int, int]:
    return (size[0], size[1], size[2]) if len(size) == 3 else (size[0], 1, 1)
