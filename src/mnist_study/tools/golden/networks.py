"""Small networks near the limits: each with its logits, and with losses, gradients and statistics of one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic import chain, convolution, network, step
from mnist_study.core.arithmetic.pixels import STEPS, normalised
from mnist_study.tools.golden.made import numbers
from mnist_study.tools.golden.operations import Vector, vector

SEED, EPOCH = 0, 1  # of the dropout
TIES = [2.0**-10 * half for half in (0.5, 1.5, 2.5, -0.5, -1.5)]  # of a weight's unit, where the largest is 1
TINY = 2.0**-41  # the least exponent of weights is -40
LARGEST = 2.0**128 - 2.0**104  # of float32
RATES = (7e-6, 2.5 / 65536, 0.6, 26160 / 65536)  # the first rounds to 0, the last is half a word that is drawn
PIXELS = torch.arange(256).to(torch.uint8).view(-1, 1, 1)
FEW = PIXELS[::30]


@dataclass(frozen=True)
class Case:
    """A network and uint8 images [N, H, W]; mean and standard deviation decide the magnitude of what it takes."""

    model: nn.Sequential
    images: Tensor
    mean: float = 0.1307
    sd: float = 0.3081
    smoothing: float = 0.0


def networks() -> dict[str, Vector]:
    """Compute all, by name: what was given and what it gives."""
    return {f"network {name}": _computed(case) for name, case in cases().items()}


def cases() -> dict[str, Case]:
    """Make all, by name."""
    return _exponents() | _roundings() | _places()


def _exponents() -> dict[str, Case]:
    """Magnitudes beyond the least and the largest exponent, an infinite sum, saturated slopes, the loss's bound."""
    small = [_conv([TINY * (1 - 2.0**-12), -(2.0**-60), 0.9]), *_normed(3, TINY)]
    scales = torch.tensor([[1, 1, TINY], [TINY, TINY, TINY], [1, 1, TINY]])
    between = [_conv([1.0, -0.7, 0.3]), _conv(_drawn("small", 2, 3, 3, 3) * TINY, padding=1), *_normed(2, TINY)]
    large = _conv([1.9 * 2.0**59, 2.0**60, 1.1 * 2.0**62, 1.0], [0.0, 0.0, LARGEST, 1.0])
    return {
        "smallest values": Case(_model([_conv([1.0, -0.7])]), FEW, 0.3, 2.0**61),
        "smallest weights": Case(_model(small, _linear(3, 3, scales)), FEW),
        "smallest weights between": Case(_model(between, _linear(3, 2)), _grey()),
        "largest values": Case(_model([_conv([1.0, -1.5])]), FEW, 0.3, 2.0**-61),
        "largest weights": Case(_model([large]), FEW),
        "largest sum": Case(_model([large]), FEW, 0.3, 2.0**-61),
        "sure": Case(_model([_conv([2.0**-70, 0.0], [0.0, 11.8])]), FEW),
        "apart": Case(_model([_conv([0.0, 0.0, 0.0], [800.0, -3.0, 800.0])]), FEW[:2], smoothing=0.9),
    }


def _roundings() -> dict[str, Case]:
    """Ties of weights, and numbers of which all but the last bits cancel, so that each rounding shows."""
    unlike, corner = _conv([1.0, -0.9, 0.83, 0.71]), _grey()[:, :3, :3]
    norm, sums = _normed(4)[0], _conv(_drawn("sums", 3, 1, 3, 3).abs())
    kept = chain.store(_first(unlike, PIXELS[:4], Case.mean, Case.sd)).numbers().flatten(1)
    _fill(norm, bias=torch.zeros(4), running_mean=kept.diagonal())
    bias = -_first(sums, corner, 0.0, 1.01).flatten(1).roll(-1, 0).diagonal()
    return {
        "rounded pixels": Case(_model([_conv([1.0])]), PIXELS[[0, 213]], 0.6807, 0.3388),
        "rounded bound": Case(_model([_conv([1.0])]), FEW, 0.192, 0.101),
        "rounded weights": Case(_model([_conv([1.0, 2.0**-24 - 1, *TIES])]), FEW),
        "cancelling sums": Case(_model([_conv(sums.weight, bias.tolist())]), corner, 0.0, 1.01),
        "cancelling norm": Case(_model([unlike, norm]), PIXELS[:4]),
        "head": Case(_model([unlike], _linear(5, 4)), FEW),
        "one pixel": Case(_model([_conv([1.0, -0.9, 0.7], [0.3, -0.1, 0.2]), *_normed(3)], _linear(4, 3)), PIXELS[::5]),
    }


def _places() -> dict[str, Case]:
    """Black and constant images, odd edges, equal numbers in a window, dropout, a batch of one."""
    flat, edge = torch.full((3, 5, 5), 200).to(torch.uint8), _grey() // 8
    flat[1] = 0
    unlike = torch.tensor([[1.0, 0.03], [0.9, -0.02]]).view(2, 2, 1, 1)
    edge[:, -1] = 255
    pooled = [_conv(_drawn("pooled", 2, 1, 3, 3), padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    dropped = [layer for rate in RATES for layer in (_conv(_drawn(f"{rate}", 2, 2, 1, 1) + 2), nn.Dropout(rate))]
    return {
        "black": Case(_model([_conv(_drawn("black", 2, 1, 3, 3)), *_normed(2)], _linear(3, 2)), flat, 0.0, 1.0),
        "constant": Case(_model([_conv([0.83, 0.71, -0.9]), *_normed(3)]), flat[::2]),
        "pooling": Case(_model(pooled, _linear(3, 2)), flat, 0.3, 0.4),
        "odd edge": Case(_model([_conv([0.83]), nn.MaxPool2d(2), _conv([0.7, -0.3])]), edge, 0.0, 1.0),
        "dropout": Case(_model([_conv([1.0, -0.5]), *dropped]), _grey(), smoothing=0.5),
        "dropped bound": Case(_model([_conv([1.0, -0.5]), nn.Dropout(0.5), _conv(unlike)]), FEW),
        "batch of one": Case(_model([_conv(_drawn("one", 3, 1, 2, 2)), *_normed(3)]), _grey()[:1], smoothing=0.1),
    }


def _computed(case: Case) -> Vector:
    known, layers = network.read(case.model), [_plain(layer) for layer in case.model]
    images, largest = normalised(case.images.long() * STEPS, case.mean, case.sd)
    logits = step.logits(known, images, largest)
    numbers = torch.arange(len(images))
    labels = numbers % logits.shape[1]
    given = {"layers": layers, "images": case.images, "mean": case.mean, "sd": case.sd, "labels": labels}
    given |= {"numbers": numbers, "seed": SEED, "epoch": EPOCH, "smoothing": case.smoothing}
    batch = step.Batch(images, largest, labels, numbers)
    result = step.forward_backward(known, batch, step.dropout_keys(known, SEED, EPOCH), case.smoothing)
    gives = {
        "logits": logits,
        "classes": logits.argmax(1),
        "losses": result.losses,
        "gradients": [result.gradients[parameter] for parameter in case.model.parameters()],
        "statistics": known.statistics(),
    }
    return vector(given, gives)


def _first(layer: nn.Conv2d, images: Tensor, mean: float, sd: float) -> Tensor:
    """Give what a first layer gives before it is stored."""
    numbers, largest = normalised(images.long() * STEPS, mean, sd)
    taken = step.Input.of(numbers, largest)
    return convolution.forward(taken.q, taken.units, layer.weight, layer.bias, 0)


def _plain(layer: nn.Module) -> dict[str, Any]:
    """Name a layer and give its settings."""
    tensors = {name: tensor.tolist() for name, tensor in layer.state_dict().items() if tensor.is_floating_point()}
    match layer:
        case nn.Conv2d():
            tensors["padding"] = layer.padding[0]
        case nn.Dropout():
            tensors["rate"] = layer.p
    return {"layer": type(layer).__name__, **tensors}


def _grey() -> Tensor:
    return ((numbers("limits", 3, 5, 5).double() + 1) * 128).to(torch.uint8)


def _model(layers: Sequence[nn.Module], head: nn.Linear | None = None) -> nn.Sequential:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *([head] if head else []))


def _conv(weight: Tensor | list[float], bias: list[float] | None = None, padding: int = 0) -> nn.Conv2d:
    """Make a convolution of these filters [O, C, K, K]; a list of numbers are those of 1 x 1."""
    filters = torch.tensor(weight).view(-1, 1, 1, 1) if isinstance(weight, list) else weight
    layer = nn.Conv2d(filters.shape[1], filters.shape[0], filters.shape[2], padding=padding, bias=bias is not None)
    _fill(layer, weight=filters, **({} if bias is None else {"bias": torch.tensor(bias)}))
    return layer


def _normed(channels: int, scale: float = 1.0) -> list[nn.Module]:
    """Make a batch norm for numbers of about this magnitude, and a ReLU."""
    norm = nn.BatchNorm2d(channels)
    drawn = {name: _drawn(f"norm {name}", channels) for name in ("weight", "bias", "running_mean", "running_var")}
    drawn["weight"] /= scale
    drawn["running_mean"] *= scale
    drawn["running_var"] = (drawn["running_var"].abs() + 0.01) * scale * scale
    _fill(norm, **drawn)
    return [norm, nn.ReLU()]


def _linear(classes: int, channels: int, scale: Tensor | float = 1.0) -> nn.Linear:
    layer = nn.Linear(channels, classes)
    _fill(layer, weight=_drawn("linear", classes, channels) * scale, bias=_drawn("linear bias", classes))
    return layer


def _drawn(name: str, *shape: int) -> Tensor:
    return numbers(f"limits {name}", *shape)


def _fill(layer: nn.Module, **tensors: Tensor) -> None:
    state = layer.state_dict()
    for name, tensor in tensors.items():
        state[name].copy_(tensor)
