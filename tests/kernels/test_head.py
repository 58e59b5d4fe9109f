"""The kernels of a network's end give the bits of core/arithmetic/head.py, and tell a diverged step as it does."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic import head, network, optimiser, step
from mnist_study.core.arithmetic.fixed_point import STORED, unit
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.kernels.buffer import Buffer
from mnist_study.kernels.head import backward, logits, loss
from mnist_study.kernels.network import Training
from mnist_study.kernels.planes import EXPONENT, HIGH, LOW, Batch, Planes
from tests.kernels.equal import MEAN, SD

SIZES = [(1, 2), (16, 20), (37, 3), (500, 10)]  # images, classes
SCALES = [1.0, 30.0, 2.0**59, 2.0**-59, 1e-40]
MISSING = 3.0  # what stands where there is no image


def numbers(kind: str, *shape: int) -> Tensor:
    given = torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))
    match kind:
        case "zeros":
            return torch.zeros(shape)
        case "negative zeros":
            return -torch.zeros(shape)
        case "ties":
            return given.round()
        case "some zero images":
            return given * (torch.arange(shape[0]) % 2).view(-1, 1)
        case "far apart":
            return given * 10.0 ** torch.linspace(-30, 15, shape[0]).view(-1, 1)
    return given * float(kind)


KINDS = ["zeros", "negative zeros", "ties", "some zero images", "far apart", *map(str, SCALES)]


def by_lane(given: Tensor) -> np.ndarray:
    """[N, K] as [blocks, K, 16]; the last block is filled up."""
    count, width = given.shape
    whole = torch.full((-(-count // 16) * 16, width), MISSING, dtype=given.dtype)
    whole[:count] = given
    return np.ascontiguousarray(whole.view(-1, 16, width).transpose(1, 2).numpy())


def by_image(given: np.ndarray, count: int) -> Tensor:
    return torch.from_numpy(given).transpose(1, 2).flatten(0, 1)[:count]


def same(one: Tensor, other: Tensor) -> bool:
    """Compare bits, so that a zero's sign counts."""
    return one.dtype == other.dtype and one.numpy().tobytes() == other.numpy().tobytes()


def linear(channels: int, classes: int) -> nn.Linear:
    layer = nn.Linear(channels, classes)
    optimiser.initialise(nn.Sequential(layer), channels)
    return layer.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "classes"), SIZES)
def test_logits(count: int, classes: int, kind: str):
    layer, averages = linear(6, classes), numbers(kind, count, 6)
    layer.weight[0], layer.bias[0] = 0.0, -0.0
    given = by_lane(averages)
    out = np.zeros((len(given), classes, 16), np.float32)
    logits()(*map(Buffer, (given, layer.weight.numpy(), layer.bias.numpy(), out)))
    assert same(by_image(out, count), head.logits(layer, averages))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "classes"), SIZES)
def test_loss_and_slope(count: int, classes: int, kind: str, smoothing: float):
    scores, labels = numbers(kind, count, classes), torch.arange(count) % classes
    given, batch = by_lane(scores), Batch(-(-count // 16))
    batch.begin(count)
    losses, predicted = (np.zeros((batch.blocks, 16), np.int64) for _ in range(2))
    slope = np.ones((batch.blocks, classes, 16))
    wanted = by_lane(labels.view(-1, 1))[:, 0]
    results = map(Buffer, (losses, predicted, slope))
    loss()(Buffer(given), Buffer(wanted), batch.present.buffer, smoothing, *results)
    expected = head.loss_and_slope(scores, labels, smoothing)
    assert same(torch.from_numpy(losses).flatten()[:count], expected[0])
    assert torch.equal(by_image(slope, count), expected[1])
    assert same(torch.from_numpy(predicted).flatten()[:count], scores.argmax(1))
    assert not by_image(slope, 16 * batch.blocks)[count:].any()


@pytest.mark.parametrize("has_layer", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "classes"), SIZES)
def test_backward(count: int, classes: int, kind: str, has_layer: bool):
    channels, side = (6, 3) if has_layer else (classes, 2)
    averages = numbers(kind, count, channels)
    _, slope = head.loss_and_slope(numbers(kind, count, classes), torch.arange(count) % classes, 0.1)
    slope = slope * min(averages.abs().max().item(), 1.0)  # zero or tiny where they are
    given, batch = by_lane(slope), Batch(-(-count // 16))
    batch.begin(count)
    given *= batch.present.array[:, None]
    planes, layer = Planes(batch.blocks, channels, side), linear(channels, classes) if has_layer else None
    arguments, results = [Buffer(given), side], [planes.array[:, :channels]]
    if layer is not None:
        arguments += [Buffer(by_lane(averages)), Buffer(layer.weight.numpy()), batch.present.buffer]
        results += [np.zeros((classes, channels)), np.zeros(classes)]
    backward(linear=has_layer)(*arguments, *map(Buffer, results))
    gradient, gradients = head.backward(layer, averages, slope)
    expected = head.spread(gradient, torch.Size((count, channels, side, side)))
    q = torch.from_numpy(planes.array[:, :channels, :side]).permute(0, 4, 1, 2, 3, 5).flatten(4).flatten(0, 1)
    assert torch.equal(q[:count, ..., :side].double(), expected.q)
    assert not q[..., side:].any()
    assert not q[count:].any()
    ends = [by_image(planes.field(field), count) for field in (LOW, HIGH)]
    assert all(torch.equal(end.double(), expected.q[:, :, 0, 0]) for end in ends)
    exponents = by_image(planes.field(EXPONENT), count).long()
    assert torch.equal(unit(STORED, exponents), expected.units[:, :, 0, 0])
    for own, parameter in zip(results[1:], gradients, strict=True):
        assert torch.equal(torch.from_numpy(own), gradients[parameter])


def verdicts(model: nn.Sequential, pixels: Tensor) -> tuple[bool, bool]:
    """Tell whether the reference and the kernels find that a step diverged."""
    count, steps = len(pixels), []
    for kind in ("reference", "kernels"):
        known = network.read(copy.deepcopy(model))
        arithmetic = Reference(known, MEAN, SD) if kind == "reference" else Training(known, 6, 16, MEAN, SD)
        labels, dropout = torch.zeros(count, dtype=torch.long), step.dropout_keys(known, 0, 1)
        steps.append(arithmetic.forward_backward(pixels, labels, torch.arange(count), dropout, 0.0))
    return bool(steps[0].diverged), bool(steps[1].diverged)


@pytest.mark.parametrize("value", [2.0**58, -(2.0**61), float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_var", "5.weight", "5.bias"])
def test_a_step_that_diverged_is_told(name: str, value: float):
    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)
    model = nn.Sequential(*layers)
    optimiser.initialise(model, 0)
    model.state_dict()[name].view(-1)[0] = value
    pixels = torch.arange(3 * 36).view(3, 6, 6) * 300
    reference, kernels = verdicts(model, pixels)
    assert kernels == reference
    assert reference or value == 2.0**58


def test_places_without_an_image_do_not_diverge():
    """They are black; this filter is large for black and 0 for white."""
    layer = nn.Conv2d(1, 2, 3)
    model = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    weight, bias = layer.parameters()
    nn.init.constant_(weight, 0.95 * 2.0**60 / (9 * (1 - MEAN) / SD))
    nn.init.constant_(bias, -0.95 * 2.0**60)
    assert verdicts(model, torch.full((3, 6, 6), 32640)) == (False, False)
    assert verdicts(model, torch.zeros(3, 6, 6, dtype=torch.long)) == (True, True)
