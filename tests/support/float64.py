"""The fast engine's network in float64: the same step in PyTorch, with the engine's dropouts and choices."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

from mnist_study.train.engines.fast import FastEngine, chain, network
from mnist_study.train.engines.fast.layout import LANES

ARCHITECTURES = {
    "vanilla": {},
    "dropout": {"dropout": 0.1},
    "transition_fc": {"dropout": 0.1},
    "transition": {"dropout": 0.1},
    "two_pool": {"dropout": 0.05},
    "one_pool": {"dropout": 0.05},
}
IMAGES = 32


def digits(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 28, 28, generator=generator), torch.randint(0, 10, (count,), generator=generator)


class KnownDropout(nn.Module):
    """Dropout by the mask that the fast engine draws for this seed: written a second time, in numpy."""

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__()
        self.seed, self.rate = seed, rate

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return images
        n, channels, side, _ = images.shape
        stored = -(-channels // 4) * 4
        shape = (n // LANES, stored, side, side, LANES)
        bits = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape) ^ np.uint32(self.seed)
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
        bits ^= bits >> np.uint32(16)
        kept = (bits >= round(self.rate * 2**32))[:, :channels].transpose(0, 4, 1, 2, 3).reshape(images.shape)
        return images * torch.from_numpy(kept) / (1 - self.rate)


def reference(model: nn.Sequential, seed: int) -> nn.Sequential:
    """Give the model in float64, its dropouts with the masks of the engine's first step after `begin_epoch(seed)`."""
    seeds = np.random.default_rng(seed)
    layers = []
    for layer in copy.deepcopy(model).double():
        if isinstance(layer, nn.Dropout):
            layer = KnownDropout(int(seeds.integers(2**32)), layer.p) if layer.p else nn.Identity()
        layers.append(layer)
    return nn.Sequential(*layers)


class Masked(nn.Module):
    """A ReLU that is open where it was in the engine: float32 and float64 part ways where a value is all but zero."""

    def __init__(self, open_: Tensor) -> None:
        super().__init__()
        self.open = open_

    def forward(self, images: Tensor) -> Tensor:
        return images * self.open


class Picked(nn.Module):
    """A pooling that picks from each 2x2 what the engine picked."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        _, self.picks = F.max_pool2d(values, 2, return_indices=True)

    def forward(self, images: Tensor) -> Tensor:
        picked = images.flatten(2).gather(2, self.picks.flatten(2))
        return picked.reshape(self.picks.shape)


def with_choices_of(engine: FastEngine, exact: nn.Sequential, count: int) -> nn.Sequential:
    """Give the float64 network with every ReLU and pooling replaced by what the engine's last batch chose."""
    cells, head = network.read(engine.model)
    known = iter([layer for layer in exact if isinstance(layer, KnownDropout)])
    assert isinstance(engine.model, nn.Sequential)
    modules: dict[nn.Module, nn.Module] = dict(zip(engine.model, exact, strict=True))
    layers: list[nn.Module] = []
    values = torch.empty(0)
    for node, cell in zip(engine.stack.nodes, cells, strict=True):
        if isinstance(cell.source, nn.MaxPool2d):
            layers.append(Picked(values))
        elif cell.source is not None:
            layers.append(modules[cell.source])
        rows = torch.from_numpy(node.chain.rows[: node.channels].copy()).view(1, node.channels, 1, 1, -1)
        values = torch.maximum(node.values.take(count, node.channels), rows[..., chain.FLOOR])
        if cell.first_relu:
            layers.append(Masked(values > 0))
        if cell.norm is not None:
            layers.append(modules[cell.norm])
        values = values * rows[..., chain.SCALE] + rows[..., chain.SHIFT]
        if cell.last_relu:
            layers.append(Masked(values > 0))
            values = values.relu()
        if cell.dropout:
            layers.append(next(known))
            values = layers[-1](values)
    return nn.Sequential(*layers, *(modules[layer] for layer in head))


def relative(ours: Tensor, theirs: Tensor, floor: float = 1e-3) -> float:
    """The largest difference as a share of the largest value, or of `floor` where all values are smaller."""
    return ((ours.double() - theirs).abs().max() / theirs.abs().max().clamp(min=floor)).item()


def all_gradients(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.double().flatten() for p in model.parameters() if p.grad is not None])


def error(model: nn.Module, exact: nn.Module) -> float:
    """The distance of two networks' gradients as a share of the exact one's length."""
    return ((all_gradients(model) - all_gradients(exact)).norm() / all_gradients(exact).norm()).item()


def convolution(channels: int, out: int, *, size: int, padding: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(channels, out, size, padding=padding if size == 3 else 0, bias=bias)


@st.composite
def networks(draw: st.DrawFn) -> nn.Sequential:
    """Any order of the layers that the engine knows."""
    torch.manual_seed(draw(st.integers(0, 1000)))
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for kind in draw(st.lists(st.sampled_from(["conv", "relu", "norm", "drop", "pool"]), min_size=1, max_size=7)):
        match kind:
            case "conv":
                size, padding = draw(st.sampled_from([1, 3])), draw(st.sampled_from([0, 1] if side >= 5 else [1]))
                out = draw(st.integers(1, 9))
                layers.append(convolution(channels, out, size=size, padding=padding, bias=draw(st.booleans())))
                channels, side = out, side if size == 1 or padding else side - 2
            case "pool" if side >= 4:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            case "norm":
                norm = nn.BatchNorm2d(channels)
                nn.init.normal_(norm.weight)  # also below zero, where the order of norm and maximum matters
                layers.append(norm)
            case "relu":
                layers.append(nn.ReLU())
            case "drop":
                layers.append(nn.Dropout(0.2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
