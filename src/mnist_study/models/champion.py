"""Champion: padded 3x3 convolutions with batch norm and ReLU, pooled where `layout` says, global average, linear.

Not in the study. `layout` is the widths of the convolutions in their order, with `pool` for each halving by maximum.
"""

from torch import nn

from mnist_study.models.layers import global_average


def build(*, layout: str = "10 16 pool 16 24 pool 24 24") -> nn.Sequential:
    """Build the network; raises ValueError where the layout holds anything but widths and `pool`."""
    layers: list[nn.Module] = []
    channels = 1
    for word in layout.split():
        if word == "pool":
            layers.append(nn.MaxPool2d(2))
            continue
        if not word.isdecimal() or int(word) == 0:
            raise ValueError(f"layout: {word!r} given; allowed are widths and the word pool")
        width = int(word)
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, *global_average(), nn.Linear(channels, 10))
