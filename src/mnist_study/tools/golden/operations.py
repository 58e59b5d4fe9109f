"""Each operation of the arithmetic with inputs and results as plain numbers, for implementations in any language."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.arithmetic import chain, convolution, fixed_point, functions, head, optimiser, pixels
from mnist_study.core.arithmetic.chain import Norm
from mnist_study.core.arithmetic.network import Cell
from mnist_study.core.arithmetic.random_words import key, order, uniform, words
from mnist_study.core.arithmetic.schedules import Schedule
from mnist_study.core.policy import Policy
from mnist_study.tools.golden.made import images, numbers

Vector = dict[str, dict[str, Any]]
RANGES = {
    "affine": {"rotation": (-40.0, 40.0), "translation_x": (-0.2, 0.2), "scale": (0.8, 1.3), "shear_x": (-20.0, 20.0)},
    "blur": {"blur": (0.2, 0.8)},
    "brightness": {"brightness": (0.5, 1.5)},
    "contrast": {"contrast": (0.3, 1.8)},
    "noise": {"noise": (0.0, 0.3)},
}
SCHEDULES = {
    "constant": {},
    "step": {"step_size": 2, "gamma": 0.1},
    "plateau": {"factor": 0.1, "patience": 1, "threshold": 0.05},
    "one_cycle": {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 10000.0},
}
LOSSES = (2.0, 1.0, 0.99, 0.98, 0.97, 0.2)  # of six epochs, for plateau


def operations() -> dict[str, Vector]:
    """Compute all, by name: what was given and what it gives."""
    made = (_numbers, _random, _convolution, _norm, _pooling, _head, _optimiser, _schedules, _augmentation)
    return {name: vector for part in made for name, vector in part().items()}


def vector(given: Mapping[str, Any], gives: Mapping[str, Any]) -> Vector:
    """Give inputs and results as plain data."""
    return {"given": {k: plain(v) for k, v in given.items()}, "gives": {k: plain(v) for k, v in gives.items()}}


def plain(value: Any) -> Any:  # noqa: ANN401 - tensors, numbers and what holds them
    """Turn tensors into lists of numbers; float32 and float64 survive JSON bit by bit."""
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()) else value


def _numbers() -> dict[str, Vector]:
    ties = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 0.25, 8191.5, -8192.0, 3e-20, 0.0])
    exponent = fixed_point.exponent_of(torch.tensor(8192.0))
    exponents = torch.tensor([0.0, 1.0, 0.99, 2.0**-70, 2.0**59, 2.0**70, 3.5])
    sums, units = (
        (numbers("sums", 4, 3).double() * 2**23).round(),
        fixed_point.power(torch.tensor([[-3], [-9], [-40], [-3]])),
    )
    x = numbers("x", 12).double() * 20
    return {
        "exponent": vector({"largest": exponents}, {"exponent": fixed_point.exponent_of(exponents)}),
        "rounded": vector(
            {"numbers": ties, "bits": 14, "exponent": exponent},
            {"integers": fixed_point.rounded(ties, 14, exponent)},
        ),
        "over_images": vector({"integers": sums, "units": units}, {"sum": fixed_point.over_images(sums, units)}),
        "exp": vector({"x": -x.abs()}, {"exp": functions.exp(-x.abs())}),
        "log": vector({"x": x.abs()}, {"log": functions.log(x.abs())}),
        "sine_and_cosine": vector(
            {"degrees": x * 20}, dict(zip(("sine", "cosine"), functions.sine_and_cosine(x * 20), strict=True))
        ),
    }


def _random() -> dict[str, Vector]:
    stream, places = key("golden", 7), torch.tensor([0, 1, 2, 3, 1000, 2**31, 2**32 - 1])
    return {
        "words": vector(
            {"key": "golden 7", "places": places},
            {"key": list(stream), "words": words(stream, places), "uniform": uniform(stream, places)},
        ),
        "order": vector({"key": "golden 7", "count": 20}, {"order": order(20, stream)}),
    }


def _convolution() -> dict[str, Vector]:
    x, weight, bias, gradient = (
        numbers("values", 3, 2, 5, 4, spread=5),
        numbers("weight", 3, 2, 3, 3, spread=1),
        numbers("bias", 3),
        numbers("gradient", 3, 3, 5, 4, spread=9),
    )
    q, units = _block(x, fixed_point.VALUE)
    g, gradient_units = _block(gradient, fixed_point.GRADIENT)
    shape = tuple(weight.shape)
    return {
        "convolution": vector(
            {"values": x, "weight": weight, "bias": bias, "gradient": gradient, "padding": 1},
            {
                "integers": q,
                "units": units.flatten(),
                "result": convolution.forward(q, units, weight, bias, 1),
                "input_gradient": convolution.input_gradient(g, gradient_units, weight, 1),
                "weight_gradient": convolution.weight_gradient(q, units, g, gradient_units, shape, 1),
                "bias_gradient": convolution.bias_gradient(g, gradient_units),
            },
        )
    }


def _block(x: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    exponent = fixed_point.exponent_of(x.abs().amax((1, 2, 3), keepdim=True))
    return fixed_point.rounded(x, bits, exponent), fixed_point.unit(bits, exponent)


def _norm() -> dict[str, Vector]:
    layer = nn.BatchNorm2d(2)
    with torch.no_grad():
        layer.weight.copy_(numbers("norm weight", 2))
        layer.bias.copy_(numbers("norm bias", 2))
    cell = Cell(nn.Conv2d(1, 2, 3), first_relu=True, norm=layer, last_relu=True, dropout=0.25)
    u = numbers("before norm", 3, 2, 4, 6, spread=2).clamp_min(0.0)
    gradient = chain.store(numbers("after norm", 3, 2, 4, 6, spread=4))
    stored, stream, places = chain.store(u), key("golden dropout"), torch.tensor([5, 0, 77])
    with torch.no_grad():
        norm = Norm.of(stored)
        norm.update(layer)
        link = chain.forward(cell, stored, norm, chain.keeps(cell, stream, places, u))
        result, bound, gradients = chain.backward(link, gradient)
        scored = chain.forward(cell, stored, chain.running(layer), None)
    assert link.kept is not None
    return {
        "norm": vector(
            {
                "values": u,
                "weight": layer.weight,
                "bias": layer.bias,
                "dropout": 0.25,
                "key": "golden dropout",
                "images": places,
                "gradient": gradient.numbers(),
            },
            {
                "stored": stored.q,
                "units": stored.units.flatten(1),
                "mean": norm.mean,
                "variance": norm.variance,
                "running_mean": layer.running_mean,
                "running_var": layer.running_var,
                "kept": link.kept,
                "result": link.values,
                "largest": link.largest.flatten(),
                "input_gradient": result,
                "bound": bound.flatten(),
                "weight_gradient": gradients[layer.weight],
                "bias_gradient": gradients[layer.bias],
                "scored": scored.values,
            },
        )
    }


def _pooling() -> dict[str, Vector]:
    values = (numbers("pooled", 2, 1, 5, 6) * 3).round()  # with ties
    gradient = (numbers("unpooled", 2, 1, 2, 3).double() * 100).round()
    return {
        "pooling": vector(
            {"values": values, "gradient": gradient},
            {"result": chain.windows(values).amax(-1), "input_gradient": chain.unpooled(values, gradient)},
        )
    }


def _head() -> dict[str, Vector]:
    layer = nn.Linear(3, 4)
    with torch.no_grad():
        layer.weight.copy_(numbers("head weight", 4, 3))
        layer.bias.copy_(numbers("head bias", 4))
        x, labels = numbers("head", 5, 3, 3, 3, spread=1) * 9, torch.tensor([0, 3, 1, 2, 3])
        averages = head.average(x)
        logits = head.logits(layer, averages)
        losses, slope = head.loss_and_slope(logits, labels, 0.0)
        smooth_losses, smooth_slope = head.loss_and_slope(logits, labels, 0.1)
        gradient, gradients = head.backward(layer, averages, slope)
    return {
        "head": vector(
            {"values": x, "weight": layer.weight, "bias": layer.bias, "labels": labels},
            {
                "averages": averages,
                "logits": logits,
                "probabilities": head.probabilities(logits),
                "losses": losses,
                "slope": slope,
                "smoothed": {"losses": smooth_losses.tolist(), "slope": smooth_slope.tolist()},
                "averages_gradient": gradient,
                "input_gradient": head.spread(gradient, x.shape).numbers(),
                "weight_gradient": gradients[layer.weight],
                "bias_gradient": gradients[layer.bias],
            },
        )
    }


def _optimiser() -> dict[str, Vector]:
    vectors = {}
    for nesterov in (False, True):
        model = nn.Linear(3, 2)
        optimiser.initialise(nn.Sequential(model), 4)
        average = nn.Linear(3, 2)
        average.load_state_dict(model.state_dict())
        sgd = optimiser.Optimiser(model.parameters(), 0.9, 0.01, nesterov=nesterov)
        steps = []
        for number in range(3):
            sums = {model.weight: numbers(f"step {number}", 2, 3).double(), model.bias: numbers(f"bias {number}", 2)}
            sgd.step({parameter: total.double() for parameter, total in sums.items()}, 48, 0.05)
            optimiser.move_average(average, model, 0.7, first=number == 0)
            steps.append([*map(plain, (model.weight.detach(), model.bias.detach(), average.weight.detach()))])
        vectors["nesterov" if nesterov else "momentum"] = vector(
            {"momentum": 0.9, "decay": 0.01, "images": 48, "rate": 0.05, "average": 0.7}, {"steps": steps}
        )
    return vectors


def _schedules() -> dict[str, Vector]:
    vectors = {}
    for name, options in SCHEDULES.items():
        schedule, rates = Schedule(name, options, 0.05, 24), []
        for epoch, loss in enumerate(LOSSES, start=1):
            for step in range(4):
                schedule.before_step(4 * (epoch - 1) + step)
                rates.append(schedule.rate)
            schedule.after_epoch(epoch, loss)
        given = {"options": options, "rate": 0.05, "steps": 24, "steps_per_epoch": 4, "losses": LOSSES}
        vectors[f"schedule {name}"] = vector(given, {"rates": rates})
    return vectors


def _augmentation() -> dict[str, Vector]:
    split, places = images("augmentation", 2, side=9), torch.tensor([3, 59_999])
    vectors = {}
    for name, ranges in RANGES.items():
        augmented = augment(split.images, places, with_kinds(Policy(0.1307, 0.3081, ranges)), 0, 1)
        given = {"images": split.images, "numbers": places, "ranges": ranges, "seed": 0, "epoch": 1}
        vectors[f"augmentation {name}"] = vector(given, {"pixels": augmented})
    normalised, bound = pixels.normalised(split.images.long() * 128, 0.1307, 0.3081)
    vectors["normalised"] = vector(
        {"images": split.images, "mean": 0.1307, "sd": 0.3081}, {"images": normalised, "bound": bound.flatten()}
    )
    return vectors
