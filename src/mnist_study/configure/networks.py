"""What a network is made of, as plain data: `configure` writes it, so that the report needs no torch."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError

LONGEST_NAME = 120  # letters of `Network.file_name`; a file's name has room for 255


@dataclass(frozen=True)
class Layer:
    """One layer, its counts for one image.

    `output_size` is (C, H, W), or (C,) after flattening. `receptive_field` is the side, in image pixels, of the
    square that one output value depends on; with padding it can be larger than the image. `multiply_accumulates` counts
    convolutions and linear layers, without biases; norms, activations and pools count as none.
    """

    name: str
    output_size: tuple[int, ...]
    receptive_field: int
    parameters: int
    multiply_accumulates: int


@dataclass(frozen=True)
class Network:
    """An architecture with its options, defaults filled in, and the variants that train it."""

    architecture: str
    options: dict[str, Any]
    variants: tuple[str, ...]
    layers: tuple[Layer, ...]

    @property
    def title(self) -> str:
        """Name the network by its architecture and options, such as `two_pool, dropout 0.04`."""
        return ", ".join([self.architecture, *(f"{name} {value}" for name, value in self.options.items())])

    @property
    def file_name(self) -> str:
        """Write the title as a file's name; a long one is cut and gets a hash instead of its end."""
        name = re.sub(r"[^\w.+-]+", "-", self.title, flags=re.ASCII)
        if len(name) <= LONGEST_NAME:
            return name
        return f"{name[:LONGEST_NAME]}-{hashlib.sha256(self.title.encode()).hexdigest()[:8]}"

    @property
    def parameters(self) -> int:
        """Count the parameters of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_accumulates(self) -> int:
        """Count the multiply-accumulates of all layers for one image."""
        return sum(layer.multiply_accumulates for layer in self.layers)

    @property
    def dropout(self) -> bool:
        """Tell whether a layer drops values, by the option that all architectures call dropout."""
        return self.options.get("dropout", 0) > 0


def size(layer: Layer) -> str:
    """Write an output's size such as `8 x 28 x 28`."""
    return " x ".join(str(side) for side in layer.output_size)


def to_json(networks: Iterable[Network]) -> str:
    """Give the file's text."""
    return json.dumps([asdict(network) for network in networks], indent=2, sort_keys=True) + "\n"


def read(path: Path) -> list[Network]:
    """Read the file; raises UserError where `configure` has not written it."""
    try:
        entries = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); `dvc repro configure` writes it") from None
    return [
        Network(
            architecture=entry["architecture"],
            options=entry["options"],
            variants=tuple(entry["variants"]),
            layers=tuple(Layer(**{**layer, "output_size": tuple(layer["output_size"])}) for layer in entry["layers"]),
        )
        for entry in entries
    ]
