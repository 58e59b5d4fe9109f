"""Check params.yaml as a whole: all mistakes at once, each with its key, the value and what is allowed."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mnist_study.configure.data import ONLY_MNIST, Data
from mnist_study.configure.schema import Augmentation, Params, Schedulers, Target, Train, Variant
from mnist_study.configure.wording import allowed, explain, one_line, shown
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe

A_NAME = "a name is up to 100 letters, digits, _ and -, and begins with a letter or _"
CLASSES = "classes"  # the option of architectures that `data.classes` sets
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")  # a file's name has room for 255
IN_SUMMARY = ("schema_version", "study")  # keys of metrics/summary.json, where each champion is a key, too


@dataclass(frozen=True)
class Plan:
    """The content of params.yaml, checked, with defaults filled in."""

    target: Target
    data: Data
    policies: dict[str, Augmentation]
    recipes: list[Recipe]
    champions: list[str]

    def files(self) -> dict[str, str]:
        """Give the text of every file of the folder build/ but networks.json, by its path in there."""
        variants = [recipe.variant for recipe in self.recipes]
        study = self.data.is_mnist and len(self.data.classes) == 10
        contents = {
            "data.json": self.data.to_download(),
            "images.json": {"side": self.data.side, "classes": self.data.classes, "study": study},
            "plan.json": {"target": self.target.model_dump(), "variants": variants, "champions": self.champions},
            **{f"policies/{name}.json": {"ranges": policy.ranges()} for name, policy in self.policies.items()},
        }
        texts = {path: json.dumps(content, indent=2, sort_keys=True) + "\n" for path, content in contents.items()}
        return texts | {f"recipes/{recipe.variant}.json": recipe.to_json() for recipe in self.recipes}


Kind = TypeVar("Kind", bound=BaseModel)
Options = Mapping[str, Mapping[str, Any]]
Count = Callable[..., int]  # of an architecture's name, its options, `side`, `classes` and `run_below`


def check(raw: object, file: str, architectures: Options, count_parameters: Count) -> Plan:
    """Check the content of params.yaml; raises UserError with a line for every mistake, each beginning with `file`.

    `architectures` maps each architecture's name to its options and their defaults; `count_parameters` builds one
    with some options and raises any exception where they make no network for such images. As arguments, they keep
    torch out of here.
    """
    if not isinstance(raw, dict):
        raise UserError(one_line(f"{file}: holds no keys; allowed: {', '.join(Params.model_fields)}"))
    mistakes: list[str] = []
    params, target, data = None, _section(raw, "target", Target), _section(raw, "data", Data)
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        mistakes += [explain(detail, Params) for detail in error.errors()]
    mistakes += _sources_of_mnist(data) if data else []
    mistakes += [line for section in ("variants", "augmentations") for line in _unfit_names(raw, section)]
    mistakes += _unfit_champions(params) if params else []
    limits = {"side": data.side, "classes": len(data.classes)} if data else {}
    limits["run_below"] = target.parameters if target else 0
    count = cache(lambda architecture, options: count_parameters(architecture, dict(options), **limits))
    variants: dict[str, Variant] = {}
    for name, entry in _mapping(raw, "variants").items():
        if not isinstance(entry, dict):
            continue  # reported already
        key = f"variants.{name}"
        mistakes += _unknown_names(key, entry, raw, architectures)
        try:
            variant = Variant.model_validate({**_known_defaults(raw), **entry})
        except ValidationError as error:
            own = [detail for detail in error.errors() if _is_own(detail, entry)]
            mistakes += [explain(detail, Variant, key) for detail in own]
            continue
        mistakes += _contradictions(key, entry, variant, target)
        options = architectures.get(variant.architecture)
        if target and data and options is not None and set(variant.model) <= {*options} - {CLASSES}:
            variant = _with_classes(variant, options, len(data.classes))
            mistakes += _unfit_network(key, variant, target, count)
        variants[name] = variant
    if mistakes or params is None:
        distinct = dict.fromkeys(mistakes)  # a default's mistake comes with every variant
        raise UserError("\n".join(one_line(f"{file}: {mistake}") for mistake in distinct))
    recipes = [_recipe(name, variant, params.schedulers) for name, variant in variants.items()]
    return Plan(params.target, params.data, params.augmentations, recipes, params.champions)


def _section(raw: dict[str, Any], name: str, kind: type[Kind]) -> Kind | None:
    """Give a section, also where others are wrong; None where it is wrong itself."""
    try:
        return kind.model_validate(raw.get(name))
    except ValidationError:
        return None


def _sources_of_mnist(data: Data) -> list[str]:
    """List the sources that do not have these images."""
    given = [] if data.is_mnist else [name for name in data.sources if name in ONLY_MNIST]
    rule = "with other images allowed are 'folder' and addresses http://.../ or https://.../"
    return [f"data.sources: {name!r} given, which has MNIST only; {rule}" for name in given]


def _recipe(name: str, variant: Variant, schedulers: Schedulers) -> Recipe:
    fields = {**variant.model_dump(), "seeds": tuple(variant.seeds)}
    return Recipe(variant=name, scheduler_options=schedulers.model_dump()[variant.scheduler], **fields)


def _unfit_names(raw: dict[str, Any], section: str) -> list[str]:
    """List the names that cannot be file names, or that differ in capitals only."""
    mistakes, seen = [], {}
    for name in map(str, _mapping(raw, section)):
        if not NAME.fullmatch(name):
            mistakes.append(f"{section}.{name}: {A_NAME}")
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            mistakes.append(f"{section}.{name}: differs from {twin} in capitals only, so their files may be the same")
    return mistakes


def _unfit_champions(params: Params) -> list[str]:
    """List the champions that are no variants, stand there twice, or would replace a key of metrics/summary.json."""
    given = params.champions
    mistakes = [
        f"champions: there is no variant {shown(name)}{allowed(name, list(params.variants))}"
        for name in given
        if name not in params.variants
    ]
    twice = sorted({name for name in given if given.count(name) > 1})
    mistakes += [f"champions: {shown(name)} given twice; allowed is each name once" for name in twice]
    taken = [name for name in IN_SUMMARY if name in given]
    return mistakes + [
        f"champions: {name!r} given, which metrics/summary.json needs itself; allowed are other names" for name in taken
    ]


def _known_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Give `train` without its unknown keys, which are reported once, there."""
    return {key: value for key, value in _mapping(raw, "train").items() if key in Train.model_fields}


def _is_own(detail: ErrorDetails, entry: dict[str, Any]) -> bool:
    """Tell whether a mistake is in the variant's own line, not inherited from `train`."""
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
    for field, existing in names.items():
        given = entry.get(field)
        if isinstance(given, str) and given not in existing:
            mistakes.append(f"{key}.{field}: there is no {shown(given)}{allowed(given, existing)}")
    architecture = entry.get("architecture")
    if isinstance(architecture, str) and architecture in architectures:
        options = [option for option in architectures[architecture] if option != CLASSES]
        mistakes += [
            f"{key}.model.{option}: {architecture} has no such option{allowed(str(option), options)}"
            for option in _mapping(entry, "model")
            if option not in options
        ]
    return mistakes


def _contradictions(key: str, entry: dict[str, Any], variant: Variant, target: Target | None) -> list[str]:
    """List the values of a variant that do not go together, and more epochs than the target allows."""

    def where(*fields: str) -> str:
        """Name the key to mend: the first of these that the variant's own line gives, or else that of `train`."""
        own = [field for field in fields if field in entry]
        return f"{key}.{own[0]}" if own else f"train.{fields[0]}"

    mistakes = []
    if variant.nesterov and variant.momentum == 0:
        given = "nesterov with momentum 0 given; allowed with nesterov is a momentum above 0"
        mistakes.append(f"{where('nesterov', 'momentum')}: {given}")
    if variant.anneal_epochs > variant.epochs:
        given = f"{variant.anneal_epochs} anneal_epochs in {variant.epochs} epochs given"
        mistakes.append(f"{where('anneal_epochs', 'epochs')}: {given}; allowed is no more than there are epochs")
    if target and variant.epochs > target.epochs:
        mistakes.append(f"{where('epochs')}: {variant.epochs} given; target.epochs allows {target.epochs}")
    return mistakes


def _with_classes(variant: Variant, options: Mapping[str, Any], classes: int) -> Variant:
    """Add the option CLASSES to a variant whose architecture has another number by default."""
    if options.get(CLASSES, classes) == classes:
        return variant
    return variant.model_copy(update={"model": {**variant.model, CLASSES: classes}})


def _unfit_network(key: str, variant: Variant, target: Target, count: Callable[..., int]) -> list[str]:
    """Say why a variant's network cannot be built, or that it is too large for the target."""
    try:
        parameters = count(variant.architecture, tuple(sorted(variant.model.items())))
    except Exception as error:  # an architecture may raise anything
        return [f"{key}.model: {shown(variant.model)} given; {variant.architecture} says: {error}"]
    if parameters < target.parameters:
        return []
    return [f"{key}: has {parameters:,} parameters; target.parameters allows fewer than {target.parameters:,}"]


def _mapping(raw: dict[str, Any], section: str) -> dict[str, Any]:
    """Give a section; empty where it is missing or no mapping, which is reported elsewhere."""
    value = raw.get(section)
    return value if isinstance(value, dict) else {}
