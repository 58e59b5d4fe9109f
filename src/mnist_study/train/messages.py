"""Messages from the process of one seed to its parent: plain data, so that the parent needs no torch."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Progress: `images` of the epoch's `total` are done, with this mean loss and accuracy (percent) so far.

    `epoch_ended` carries the finished epoch's row of the history.
    """

    seed: int
    epoch: int
    images: int
    total: int
    loss: float
    accuracy: float
    epoch_ended: dict[str, Any] | None = None


@dataclass(frozen=True)
class Note:
    """A line for the user."""

    text: str


@dataclass(frozen=True)
class Replica:
    """The result of training one seed.

    `weights` are a safetensors file's bytes, `history` has a row per epoch; `engine` ran, with numbers of this
    `precision`, on what `environment` describes.
    """

    seed: int
    weights: bytes
    history: list[dict[str, Any]]
    parameters: int
    engine: str
    precision: str
    environment: dict[str, Any]
