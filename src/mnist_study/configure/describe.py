"""What a network is made of: each layer's output size, receptive field, parameters and multiply-accumulates."""

import inspect
import math
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from mnist_study import architectures
from mnist_study.configure.networks import Layer, Network
from mnist_study.core.arithmetic.network import of_variant
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe

NOT_ARCHITECTURES = {"layers"}


def architecture_names() -> list[str]:
    """List the architectures by name: the files of their package. Raises UserError for one without `build`."""
    names = {module.name for module in pkgutil.iter_modules(architectures.__path__)} - NOT_ARCHITECTURES
    for name in names:
        if not hasattr(_module(name), "build"):
            raise UserError(f"architectures/{name}.py: has no function `build`, so it is no architecture")
    return sorted(names)


def options(architecture: str) -> dict[str, Any]:
    """Give the keyword arguments of an architecture's `build`, with their defaults."""
    parameters = inspect.signature(_module(architecture).build).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def count_parameters(
    architecture: str, settings: dict[str, Any], *, run_below: int, side: int = 28, classes: int = 10
) -> int:
    """Count the parameters of a network built with these options; raises what `build` or the network raises.

    Counted on the meta device, so that a mistake in a width takes no memory. A network of fewer than `run_below`
    parameters is also run on an image of that side; raises ValueError where that does not give a logit for each class.
    """
    with torch.device("meta"):
        count = architectures.count_parameters(architectures.build(architecture, **settings))
    if count < run_below:
        network = architectures.build(architecture, **settings).eval()
        try:
            with torch.inference_mode():
                logits = network(torch.zeros(1, 1, side, side))
        except RuntimeError as error:  # such as one pooling too many
            raise RuntimeError(f"an image of {side} x {side} does not go through it ({error})") from None
        if logits.shape != (1, classes):
            raise ValueError(f"an image gives {tuple(logits.shape[1:])}, not {classes} logits")
    return count


def undefined_networks(recipes: Iterable[Recipe]) -> list[str]:
    """List the variants with engine exact whose network has a layer that the arithmetic of integers does not define."""
    mistakes = []
    for recipe in recipes:
        if recipe.engine == "exact":
            with torch.device("meta"):
                model = architectures.build(recipe.architecture, **recipe.model)
            try:
                of_variant(model, recipe.variant)
            except UserError as error:
                mistakes.append(str(error))
    return mistakes


def networks(recipes: Iterable[Recipe], side: int = 28) -> list[Network]:
    """Describe each network that the recipes train once, in the order of its first recipe, on images of that side."""
    variants: dict[tuple[str, tuple[tuple[str, Any], ...]], list[str]] = {}
    for recipe in recipes:
        settings = options(recipe.architecture) | recipe.model
        variants.setdefault((recipe.architecture, tuple(sorted(settings.items()))), []).append(recipe.variant)
    return [
        Network(
            architecture,
            {name: value for name, value in settings if name != "classes"},  # the same in all networks
            tuple(names),
            tuple(rows(architectures.build(architecture, **dict(settings)), side)),
        )
        for (architecture, settings), names in variants.items()
    ]


def _module(architecture: str) -> ModuleType:
    try:
        return import_module(f"{architectures.__name__}.{architecture}")
    except Exception as error:  # whatever the file of a new architecture may do
        raise UserError(
            f"architectures/{architecture}.py: cannot be imported ({type(error).__name__}: {error})"
        ) from error


def rows(model: nn.Sequential, side: int = 28) -> list[Layer]:
    """Describe the layers in order, by running the model on one black image; the model stays as it was."""
    layers: list[Layer] = []
    met: set[nn.Module] = set()  # a layer that is used again counts its parameters once
    field, jump = 1, 1  # side of the receptive field; image pixels between neighbouring outputs

    def note(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal field, jump
        field, jump = _receptive_field(module, field, jump, side)
        size = tuple(output.shape[1:])
        name, parameters = _name(module), architectures.count_parameters(module)
        if module in met and parameters:
            name, parameters = f"{name} again", 0
        met.add(module)
        layers.append(Layer(name, size, field, parameters, _multiply_accumulates(module, size)))

    hooks = [layer.register_forward_hook(note) for layer in dict.fromkeys(model)]
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 1, side, side))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return layers


def _receptive_field(module: nn.Module, field: int, jump: int, side: int) -> tuple[int, int]:
    if isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return field + (_side(module.kernel_size) - 1) * jump, jump * _side(module.stride)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return max(field, side), jump
    return field, jump


def _multiply_accumulates(module: nn.Module, size: tuple[int, ...]) -> int:
    if isinstance(module, nn.Conv2d | nn.Linear):
        return module.weight[0].numel() * math.prod(size)
    return 0


def _name(module: nn.Module) -> str:
    name = type(module).__name__
    if isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return f"{name} {_side(module.kernel_size)}x{_side(module.kernel_size)}"
    if isinstance(module, nn.Dropout):
        return f"{name} {100 * module.p:g} %"
    return name


def _side(size: int | tuple[int, ...]) -> int:
    """Give the side of a square that torch writes as a number or as a pair."""
    return size if isinstance(size, int) else size[0]
