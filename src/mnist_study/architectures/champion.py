"""Champion: convolutions with batch norm and ReLU, pooled where `layout` says, global average, linear.

Not in the study. `layout` is the widths of the padded 3x3 convolutions in their order, with `x1` after that of a 1x1
convolution, `again` for the convolution before once more, by the same filters and with a norm of its own, also behind
a `pool`, which stands for each halving by maximum.
"""

from torch import nn

from mnist_study.architectures.layers import global_average


def build(*, layout: str = "10 16 pool 16 24 pool 24 24", classes: int = 10) -> nn.Sequential:
    """Build the network; raises ValueError where the layout holds anything else or `again` in a wrong place."""
    layers: list[nn.Module] = []
    channels = 1
    for word in layout.split():
        if word == "pool":
            layers.append(nn.MaxPool2d(2))
            continue
        if word == "again":
            layers += [_convolution_before(layers), nn.BatchNorm2d(channels), nn.ReLU()]
            continue
        side, number = (1, word.removesuffix("x1")) if word.endswith("x1") else (3, word)
        if not number.isdecimal() or int(number) == 0:
            raise ValueError(f"layout: {word!r} given; allowed are widths, as 16 or 16x1, again and pool")
        width = int(number)
        layers += [nn.Conv2d(channels, width, side, padding=side // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, *global_average(), nn.Linear(channels, classes))


def _convolution_before(layers: list[nn.Module]) -> nn.Conv2d:
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if convolutions and convolutions[-1].in_channels == convolutions[-1].out_channels:
        return convolutions[-1]
    raise ValueError("layout: 'again' given; allowed only after a convolution that keeps the number of channels")
