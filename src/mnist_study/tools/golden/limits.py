"""Single operations at their limits: of exponents and integers, ties, zeros, infinity, rates near 0 and 1."""

import math

import torch
from torch import Tensor, nn

from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.arithmetic import chain, fixed_point, functions, head, optimiser
from mnist_study.core.arithmetic.chain import Gradients, Norm
from mnist_study.core.arithmetic.fixed_point import SMALLEST_OF_WEIGHTS, power
from mnist_study.core.policy import Policy
from mnist_study.tools.golden.made import numbers
from mnist_study.tools.golden.operations import Vector, vector

HALVES = (0.5, 1.5, 2.5, 4095.5, -4095.5, 2046.5, -2046.5)  # in units; their nearest even integers differ from half up
BEYOND = (math.inf, -math.inf, 1e30)
EXTREME = {
    "affine": {"rotation": (45.0, 45.0), "scale": (1.5, 1.5), "shear_x": (-60.0, -60.0), "translation_x": (0.1, 0.1)},
    "quarter turn": {"rotation": (90.0, 90.0), "shear_y": (45.0, 45.0), "translation_y": (-1.0, -1.0)},
    "blur": {"blur": (0.999, 1.0)},
    "brightness": {"brightness": (0.0, 10.0)},
    "half a step of brightness": {"brightness": (0.5 + 0.5 / 4096, 0.5 + 0.5 / 4096)},
    "contrast": {"contrast": (0.0, 10.0)},
    "noise": {"noise": (0.9, 1.0)},
}


def limits() -> dict[str, Vector]:
    """Compute all, by name: what was given and what it gives."""
    made = (_exponents, _rounded, _sums, _functions, _loss, _pooling, _dropout, _statistics, _optimiser, _augmentation)
    return {f"{name} at limits": one for part in made for name, one in part().items()}


def _exponents() -> dict[str, Vector]:
    near = [2.0**e for e in (-62, -61, -60, -59, -42, -41, -40, -39, 58, 59, 60, 61, 127)]
    largest = torch.tensor([0.0, 2.0**-149, *near, *(x * (1 - 2.0**-24) for x in near), math.inf])
    gives = {
        "exponent": fixed_point.exponent_of(largest),
        "of_weights": fixed_point.exponent_of(largest, SMALLEST_OF_WEIGHTS),
    }
    return {"exponent": vector({"largest": [*largest[:-1].tolist(), "inf"]}, gives)}


def _rounded() -> dict[str, Vector]:
    """Give numbers in units; JSON has no infinity, so it stands there as text."""
    vectors = {}
    for bits in (12, 14, 16):
        top = 2.0 ** (bits - 1)
        units = torch.tensor([*HALVES, top - 0.5, top - 0.51, 0.5 - top, 0.51 - top, *BEYOND], dtype=torch.float64)
        for exponent in (-60, 60):
            e = torch.tensor(exponent)
            integers = fixed_point.rounded(units * fixed_point.unit(bits, e), bits, e)
            given = {"units": units[:-3], "beyond": ["inf", "-inf", 1e30], "bits": bits, "exponent": exponent}
            vectors[f"rounded {bits} bits {exponent}"] = vector(given, {"integers": integers})
    return vectors


def _sums() -> dict[str, Vector]:
    """Sixteenths of the largest unit: ties, and an image whose unit is too small to count."""
    integers = torch.tensor([[1, -1, 3, 0], [8, 24, -8, 0], [2**30, -(2**30), 7, 0]]).double()
    units = power(torch.tensor([[0], [-8], [-60 - 13]]))
    large = power(torch.tensor([[45], [45 - 8], [45]]))
    vectors = {}
    for name, each in (("small", units), ("large", large), ("equal", torch.full_like(units, 2.0**-73))):
        gives = {"sum": fixed_point.over_images(integers, each)}
        vectors[f"over_images {name}"] = vector({"integers": integers, "units": each}, gives)
    return vectors


def _functions() -> dict[str, Vector]:
    below, half = torch.tensor([-700.0, -699.5, -1e-300, 0.0], dtype=torch.float64), math.sqrt(0.5)
    ties = [-3.8123094930796992, -5.19860385419959, -6.58489821531948]  # halfway between two powers of two
    below = torch.cat([below, torch.tensor(ties, dtype=torch.float64)])
    edges = [1.0, 1 - 2.0**-53, 1 + 2.0**-52, half, half - 2.0**-53, half + 2.0**-53, 2.0**40, 4e13, 2.0**-30]
    x = torch.tensor(edges, dtype=torch.float64)
    turns = [494.99999999999994, 0, 45, -45, 135, 225, 315, 90, -90, 180, -180, 270, 360, 720, 30, 1e-9]
    degrees = torch.tensor(turns, dtype=torch.float64)
    sine, cosine = functions.sine_and_cosine(degrees)
    return {
        "exp": vector({"x": below}, {"exp": functions.exp(below)}),
        "log": vector({"x": x}, {"log": functions.log(x)}),
        "sine_and_cosine": vector({"degrees": degrees}, {"sine": sine, "cosine": cosine}),
    }


def _loss() -> dict[str, Vector]:
    """Equal logits, logits so far apart that the bound of 700 holds, and one certain label."""
    rows = [[0, 0, 0], [1, 3, 3], [-2, -2, -5], [-800, 5, 2.0**59], [40, 0, 0], [12, 0.125, -699.5]]
    logits, labels = torch.tensor(rows, dtype=torch.float32), torch.tensor([2, 2, 1, 0, 0, 1])
    given = {"logits": logits, "labels": labels}
    vectors = {}
    for smoothing in (0.0, 0.1, 0.7):
        losses, slope = head.loss_and_slope(logits, labels, smoothing)
        vectors[f"loss {smoothing}"] = vector(given | {"smoothing": smoothing}, {"losses": losses, "slope": slope})
    gives = {"classes": logits.argmax(1), "probabilities": head.probabilities(logits)}
    return vectors | {"classes": vector({"logits": logits}, gives)}


def _pooling() -> dict[str, Vector]:
    """Windows of equal numbers, of zeros of both signs, and an odd last row and column."""
    values = torch.tensor([[2, 2, -1, -1, 9], [2, 2, -1, -1, 9], [0.0, -0.0, 1, 5, 9], [-0.0, 0.0, 5, 5, 9], [9] * 5])
    values, gradient = values.float().view(1, 1, 5, 5), torch.tensor([[[[3.0, -5.0], [7.0, 32767.0]]]]).double()
    gives = {"result": chain.windows(values).amax(-1), "input_gradient": chain.unpooled(values, gradient)}
    return {"pooling": vector({"values": values, "gradient": gradient}, gives)}


def _dropout() -> dict[str, Vector]:
    rates = [7e-6, 0.5 / 65536, 1.5 / 65536, 2.5 / 65536, 0.5, 65534.5 / 65536, 0.999999]
    return {"dropout": vector({"rates": rates}, {"shares": [chain.dropped_shares(rate) for rate in rates]})}


def _statistics() -> dict[str, Vector]:
    """Batches of 2^-99 and less beside running statistics that reach 2^-100, where they become 0."""
    layer = nn.BatchNorm2d(4)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean = torch.tensor([1, -1, 0.9, 1e30]).double() * 2.0**-100
    old = torch.tensor([2.0**-100 / 0.9, -(2.0**-100), 2.0**-101, 0.0]).float()
    with torch.no_grad():
        layer.running_mean.copy_(old)
        layer.running_var.copy_(old.abs())
    norm = Norm(mean, mean.abs(), torch.tensor(2.0, dtype=torch.float64))
    given = {"running": old.double(), "mean": mean, "variance": mean.abs(), "count": 2}
    norm.update(layer)
    return {"statistics": vector(given, {"mean": _wide(layer.running_mean), "variance": _wide(layer.running_var)})}


def _optimiser() -> dict[str, Vector]:
    """Momentum at 2^-100, subnormal gradients, and settings so large that every rounding shows."""
    tiny = torch.tensor([[1.0, -1.0, 0.5], [2.0**-60, 1 + 2.0**-23, -(2.0**-149)]])
    tiny_sums = torch.tensor([[20.0, -20.0, 2.0**-99], [2.0**-60, 3 * (1 + 2.0**-24), 2.0**-130]]).double()
    drawn = numbers("descent", 4, 3)
    drawn_sums = numbers("descent sums", 4, 3).double() * (1 + 2.0**-26)
    return {
        "optimiser": _descent(tiny, tiny_sums, 0.5, 2.0**-20, 1, 0.05),
        "optimiser rounded": _descent(drawn, drawn_sums, 0.9, 0.8, 3, 0.7),
    }


def _descent(weight: Tensor, sums: Tensor, momentum: float, decay: float, images: int, rate: float) -> Vector:
    """Take three steps, the last two without gradient."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    sgd = optimiser.Optimiser(layer.parameters(), momentum, decay, nesterov=True)
    (buffer,) = sgd.buffers.values()
    steps: list[list[Tensor]] = []
    with torch.no_grad():
        layer.weight.copy_(weight)
    for number in range(3):
        gradients: Gradients = {layer.weight: sums * (number == 0)}
        sgd.step(gradients, images, rate)
        steps.append([_wide(layer.weight), _wide(buffer)])
    given = {"weight": weight.double(), "sums": sums, "momentum": momentum, "decay": decay, "nesterov": True}
    return vector(given | {"images": images, "rate": rate}, {"steps": steps})


def _augmentation() -> dict[str, Vector]:
    """Images of one pixel, of white, of black, of noise, of three rows and five columns."""
    vectors = {}
    grey = (numbers("grey", 3, 5).double() * 128 + 128).floor()
    images = torch.stack([torch.full((3, 5), 255.0).double(), torch.zeros(3, 5).double(), grey]).to(torch.uint8)
    places = torch.tensor([0, 2**31 - 1, 59_999])
    for name, ranges in EXTREME.items():
        for shape, chosen in (("", images), (" one pixel", images[:, 1:2, 2:3])):
            pixels = augment(chosen, places, with_kinds(Policy(0.1307, 0.3081, ranges)), 3, 7)
            given = {"images": chosen, "numbers": places, "ranges": ranges, "seed": 3, "epoch": 7}
            vectors[f"augmentation {name}{shape}"] = vector(given, {"pixels": pixels})
    return vectors


def _wide(x: Tensor) -> Tensor:
    return x.detach().double()
