"""The schema of params.yaml: its sections, each key with its type and limits."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, ValidationInfo, field_validator

from mnist_study.configure.data import STRICT, Data

LIMITS = {
    "rotation": (-180, 180),
    "translation": (-1, 1),
    "scale": (0.1, 10),
    "shear": (-80, 80),
    "brightness": (0, 10),
    "contrast": (0, 10),
    "noise": (0, 1),
    "blur": (0, 1),
}
LONGEST_TEXT = 200  # characters of a model's option
FACTORS = ("scale", "brightness", "contrast")  # no change is 1; for the others it is 0
ONE_SIDED = ("noise", "blur")  # none of them may be negative


class Section(BaseModel):
    """A mapping of params.yaml: no unknown keys, no conversion of types."""

    model_config = STRICT


class Target(Section):
    """The study's aim: test accuracy in percent, in at most `epochs`, with fewer than `parameters`."""

    accuracy: float = Field(gt=0, le=100)
    epochs: int = Field(ge=1)
    parameters: int = Field(ge=1)


Seed = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class Train(Section):
    """Defaults of every variant."""

    epochs: int = Field(ge=1)
    seeds: list[Seed] = Field(min_length=1, max_length=100)
    lr: float = Field(gt=0, le=10)
    momentum: float = Field(ge=0, lt=1)
    nesterov: bool
    weight_decay: float = Field(ge=0, lt=1)
    label_smoothing: float = Field(ge=0, lt=1)
    ema: float = Field(ge=0, lt=1)
    anneal_epochs: int = Field(ge=0)
    anneal_strength: float = Field(ge=0, le=1)
    engine: Literal["exact", "torch"]
    device: Literal["cpu", "cuda"]
    validation: int = Field(ge=0, le=50_000)

    @field_validator("seeds")
    @classmethod
    def each_once(cls, seeds: list[int]) -> list[int]:
        """Refuse a repeated seed: it would count one network twice."""
        if len(set(seeds)) < len(seeds):
            raise ValueError("each seed may stand there once")
        return seeds


class Variant(Train):
    """A line of `variants`, laid over `train`."""

    architecture: str
    scheduler: str
    augmentation: str
    batch_size: int = Field(ge=8, le=8192)
    model: dict[str, Any] = {}

    @field_validator("model")
    @classmethod
    def plain_values(cls, model: dict[str, Any]) -> dict[str, Any]:
        """Refuse values that a recipe cannot hold, and a dropout outside [0, 1); the architecture checks the rest."""
        dropout = model.get("dropout", 0)
        if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            raise ValueError("allowed for dropout is a share from 0 to below 1")
        for option, value in model.items():
            if not isinstance(value, bool | int | float | str) or value in (math.inf, -math.inf) or value != value:
                raise ValueError(f"{option} must be a finite number, true, false or text")
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise ValueError(f"{option} must have at most {LONGEST_TEXT} characters")
        return model


class Constant(Section):
    """The learning rate is constant."""


class Step(Section):
    """The learning rate is multiplied by `gamma` every `step_size` epochs."""

    step_size: int = Field(ge=1)
    gamma: float = Field(gt=0, le=1)


class Plateau(Section):
    """The learning rate is multiplied by `factor` when the training loss has not fallen for `patience` epochs."""

    factor: float = Field(gt=0, lt=1)
    patience: int = Field(ge=0)
    threshold: float = Field(ge=0, lt=1)


class OneCycle(Section):
    """Rise from lr / `div_factor` to lr in the share `pct_start` of steps; fall to the start's / `final_div_factor`."""

    pct_start: float = Field(gt=0, lt=1)
    div_factor: float = Field(ge=1)
    final_div_factor: float = Field(ge=1)


class Schedulers(Section):
    """Options of torch's schedulers, by torch's names."""

    constant: Constant
    step: Step
    plateau: Plateau
    one_cycle: OneCycle


Ends = Annotated[list[float], Field(min_length=2, max_length=2)]


class Augmentation(Section):
    """A policy: each key a width around no change, or a pair [low, high]; absent is no change."""

    rotation: Ends = [0.0, 0.0]
    translation: Ends = [0.0, 0.0]
    scale: Ends = [1.0, 1.0]
    shear: Ends = [0.0, 0.0]
    brightness: Ends = [1.0, 1.0]
    contrast: Ends = [1.0, 1.0]
    noise: Ends = [0.0, 0.0]
    blur: Ends = [0.0, 0.0]

    @field_validator("*", mode="before")
    @classmethod
    def widen(cls, given: object, info: ValidationInfo) -> object:
        """Turn a number w into the range from no change - w to no change + w, or from 0 to w; keep a pair."""
        if isinstance(given, int | float) and not isinstance(given, bool):
            if given < 0:
                raise ValueError("a width cannot be negative; a range is written [low, high]")
            widest = LIMITS[info.field_name or ""][1]
            if given > widest:
                raise ValueError(f"a width is at most {widest}")
            if info.field_name in ONE_SIDED:
                return [0.0, given]
            neutral = 1.0 if info.field_name in FACTORS else 0.0
            return [neutral - given, neutral + given]
        return given

    @field_validator("*")
    @classmethod
    def within_limits(cls, ends: list[float], info: ValidationInfo) -> list[float]:
        """Refuse a range that is reversed or beyond the limits of its key."""
        low, high = LIMITS[info.field_name or ""]
        if not low <= ends[0] <= ends[1] <= high:
            raise ValueError(f"a range [low, high] between {low:g} and {high:g} is allowed")
        return ends

    def ranges(self) -> dict[str, list[float]]:
        """Give each parameter's range, of ONE_SIDED only those that change an image; shear is along x."""
        return {
            "rotation": self.rotation,
            "translation_x": self.translation,
            "translation_y": self.translation,
            "scale": self.scale,
            "shear_x": self.shear,
            "shear_y": [0.0, 0.0],
            "brightness": self.brightness,
            "contrast": self.contrast,
            **{name: ends for name in ONE_SIDED if (ends := getattr(self, name)) != [0.0, 0.0]},
        }


class Params(Section):
    """The sections of params.yaml; `variants` is checked entry by entry, laid over `train`."""

    target: Target
    data: Data
    train: Train
    schedulers: Schedulers
    augmentations: dict[str, Augmentation] = Field(min_length=1)
    variants: dict[str, dict[str, Any]] = Field(min_length=1)
    champions: list[str]
