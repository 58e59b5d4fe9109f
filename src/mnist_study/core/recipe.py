"""A recipe: everything that training one variant needs to know, as plain data in a JSON file."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """One variant, checked and with every default filled in by `configure`.

    `model` holds keyword arguments of the architecture, `classes` only where it differs from the default there;
    `scheduler_options` holds those of the torch scheduler. `validation` is the number of training images held out (0:
    train on all). `ema` is the decay per step of the averaged weights (0: none). `weight_decay` applies to weights, not
    to biases or norms. In the last `anneal_epochs` epochs the augmentation is `Policy.annealed(anneal_strength)`.
    """

    variant: str
    architecture: str
    model: dict[str, Any]
    augmentation: str
    scheduler: str
    scheduler_options: dict[str, Any]
    batch_size: int
    epochs: int
    seeds: tuple[int, ...]
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    label_smoothing: float
    ema: float
    anneal_epochs: int
    anneal_strength: float
    engine: str
    device: str
    validation: int

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Read the recipe that `configure` wrote; raises UserError where there is none, or one of other keys."""
        if not path.exists():
            raise UserError(f"{path}: there is no such variant in params.yaml, or `dvc repro configure` has not run")
        given = json.loads(path.read_text())
        if wrong := given.keys() ^ {field.name for field in fields(cls)}:
            differs = ", ".join(sorted(wrong))
            raise UserError(f"{path}: of another version, which differs in {differs}; `dvc repro configure` writes it")
        return cls(**{**given, "seeds": tuple(given["seeds"])})

    def to_json(self) -> str:
        """Give the file's text: sorted keys, so that equal recipes are equal bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"
