"""Networks that hypothesis makes up, and batches for them."""

import torch
from hypothesis import strategies as st
from torch import nn

from mnist_study.core.arithmetic import optimiser, step
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.tools.golden.made import images


@st.composite
def networks(draw: st.DrawFn, dropout: float = 0.25) -> nn.Sequential:
    """Cells of any width, filter and padding, with whatever may follow a convolution; for images of 12 x 12 or more."""
    layers: list[nn.Module] = []
    channels, side = 1, 12
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from([k for k in (1, 3, 5) if k < side]))
        padding = draw(st.integers(0, size // 2 + 1))
        width = draw(st.integers(1, 6))
        layers.append(nn.Conv2d(channels, width, size, padding=padding, bias=draw(st.booleans())))
        channels, side = width, side + 2 * padding - size + 1
        layers += [nn.ReLU()] * draw(st.booleans())
        if draw(st.booleans()):
            layers += [nn.BatchNorm2d(channels)] + [nn.ReLU()] * draw(st.booleans())
        layers += [nn.Dropout(dropout)] * (dropout > 0 and draw(st.booleans()))
        if side >= 6 and draw(st.booleans()):
            layers.append(nn.MaxPool2d(2))
            side //= 2
    head = [nn.Linear(channels, 4)] * draw(st.booleans())
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)
    optimiser.initialise(model, draw(st.integers(0, 1000)))
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    return model


def classes(model: nn.Sequential) -> int:
    """Count what the network tells apart."""
    shapes = [layer.weight.shape[0] for layer in model if isinstance(layer, nn.Conv2d | nn.Linear)]
    return shapes[-1]


def batch(model: nn.Sequential, count: int, side: int = 13) -> step.Batch:
    """Give images that fit the network."""
    split = images("property", count, side, classes(model))
    return step.Batch(*normalised(split.images.long() * 128, 0.13, 0.31), split.labels, 7 * torch.arange(count))
