"""Print what a network is made of, layer by layer; without a name, every architecture's totals."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import nn

from mnist_study.architectures import build
from mnist_study.configure.describe import architecture_names, options, rows
from mnist_study.configure.networks import Layer, size
from mnist_study.configure.wording import allowed
from mnist_study.core.errors import UserError

READERS: dict[type, Callable[[str], object]] = {
    bool: {"true": True, "false": False}.__getitem__,
    int: int,
    float: float,
    str: str,
}
WIDTH = 100  # wider than either table, so that nothing is cut short in a pipe or a narrow window


def show(architecture: str | None = None, settings: Sequence[str] = ()) -> None:
    """Print the table, with settings such as `dropout=0.04`; raises UserError where a name or a value is not one."""
    if architecture is None and settings:
        raise UserError("--set needs the architecture whose option it sets")
    if architecture is None:
        table = totals()
    else:
        _check(architecture, architecture_names(), "architecture")
        table = layers(architecture, _settings(architecture, settings))
    Console(width=WIDTH, highlight=False).print(table)


def layers(architecture: str, settings: dict[str, Any]) -> Table:
    """Draw one network's table: a row a layer, the totals under it."""
    try:
        network = rows(build(architecture, **settings))
    except Exception as error:  # an architecture may raise anything, such as for a dropout of 2 or one pooling too many
        given = f"{settings} given; " if settings else ""
        raise UserError(f"{architecture}: {given}{' '.join(str(error).split()) or type(error).__name__}") from None
    table = Table(box=SIMPLE, show_edge=False, show_footer=True)
    parameters, multiply_accumulates = _totals(network)
    table.add_column("", justify="right")
    table.add_column("layer", footer="total")
    table.add_column("output", justify="right")
    table.add_column("receptive field", justify="right")
    table.add_column("parameters", justify="right", footer=parameters)
    table.add_column("multiply-accumulates", justify="right", footer=multiply_accumulates)
    for number, layer in enumerate(network, 1):
        counts = [f"{count:,}" for count in (layer.parameters, layer.multiply_accumulates)]
        table.add_row(str(number), layer.name, size(layer), str(layer.receptive_field), *counts)
    return table


def totals() -> Table:
    """Draw the table of all architectures, each with its default options."""
    table = Table(box=SIMPLE, show_edge=False)
    table.add_column("architecture")
    for heading in ("convolutions", "parameters", "multiply-accumulates"):
        table.add_column(heading, justify="right")
    table.add_column("options")
    for name in architecture_names():
        model = build(name)
        convolutions = sum(isinstance(layer, nn.Conv2d) for layer in model)
        defaults = ", ".join(f"{option}={default}" for option, default in options(name).items())
        table.add_row(name, str(convolutions), *_totals(rows(model)), defaults)
    return table


def _totals(network: list[Layer]) -> tuple[str, str]:
    parameters = sum(layer.parameters for layer in network)
    multiply_accumulates = sum(layer.multiply_accumulates for layer in network)
    return f"{parameters:,}", f"{multiply_accumulates:,}"


def _settings(architecture: str, texts: Sequence[str]) -> dict[str, Any]:
    """Turn texts such as `dropout=0.04` into keyword arguments."""
    defaults = options(architecture)
    settings = {}
    for text in texts:
        name, _, value = text.partition("=")
        _check(name, list(defaults), f"{architecture} option")
        settings[name] = _value(name, value, defaults[name])
    return settings


def _value(name: str, text: str, default: object) -> object:
    """Read a value of the kind that the option's default has or, where that is of none, of the first kind that fits."""
    kind = type(default)
    for read in [READERS[kind]] if kind in READERS else READERS.values():
        with suppress(KeyError, ValueError):
            return read(text)
    raise UserError(f"{name}: {text!r} given; allowed is {'true or false' if kind is bool else 'a number'}")


def _check(name: str, names: list[str], kind: str) -> None:
    if name not in names:
        raise UserError(f"there is no {kind} {name!r}{allowed(name, names)}")
