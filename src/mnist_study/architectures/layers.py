"""The pieces that the study's networks share, as lists of layers to chain in one flat `nn.Sequential`."""

from torch import nn


def block(channels_in: int, channels_out: int, *, padding: int = 1) -> list[nn.Module]:
    """3x3 convolution, ReLU, batch norm: the study's order."""
    return [
        nn.Conv2d(channels_in, channels_out, 3, padding=padding),
        nn.ReLU(),
        nn.BatchNorm2d(channels_out),
    ]


def dropout_block(channels_in: int, channels_out: int, *, rate: float) -> list[nn.Module]:
    """3x3 convolution, ReLU, and dropout of single pixels in the place of the batch norm."""
    return [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU(), nn.Dropout(rate)]


def transition(channels_in: int, channels_out: int) -> list[nn.Module]:
    """Halve the image by maximum, then mix channels with a 1x1 convolution; no norm, no activation."""
    return [nn.MaxPool2d(2), nn.Conv2d(channels_in, channels_out, 1)]


def global_average() -> list[nn.Module]:
    """Average each channel over the image: [N, C, H, W] to [N, C]."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def optional_dropout(rate: float) -> list[nn.Module]:
    """Give one dropout layer, or none where the rate is 0."""
    return [nn.Dropout(rate)] if rate > 0 else []
