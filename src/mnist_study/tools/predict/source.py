"""Where the networks that answer come from: a checkout, or a folder that `mnist-study export` wrote."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.report.results.outcomes import Images, read_images, read_plan

RECIPE, POLICY, IMAGES = "recipe.json", "policy.json", "images.json"  # in an exported folder, beside the weights
ARCHITECTURES = Path(__file__).parents[2] / "architectures"
T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A variant's recipe, the file of its policy, what the images are, the folder of the weights, and why this one."""

    recipe: Recipe
    policy: Path
    images: Images
    trained: Path
    why: str


def in_folder(folder: Path) -> Source:
    """Find an exported variant; raises UserError where something is missing or damaged."""
    from mnist_study import architectures  # imports torch, which takes seconds
    from mnist_study.core.policy import Policy

    if not (folder / RECIPE).exists():
        raise UserError(f"--folder: {folder} given, which has no {RECIPE}; allowed is what `mnist-study export` wrote")
    recipe = _exported(folder / RECIPE, Recipe.read)
    if not (ARCHITECTURES / f"{recipe.architecture}.py").exists():
        raise UserError(
            f"{folder / RECIPE}: architecture {recipe.architecture!r}, which has no file in {ARCHITECTURES}"
        )
    _exported(folder / RECIPE, lambda _: architectures.build(recipe.architecture, **recipe.model))
    _exported(folder / POLICY, Policy.read)
    return Source(recipe, folder / POLICY, _exported(folder / IMAGES, _images), folder, f"from {folder}")


def in_checkout(variant: str | None) -> Source:
    """Find a variant of this checkout, the given one or as `choose` does; raises UserError where one is missing."""
    top = checkout()
    try:
        results = json.loads(_existing(top / "metrics/variants.json", "dvc repro").read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"metrics/variants.json: not JSON ({error}); `dvc repro --force report` writes it") from None
    champions = read_plan(top / "build/plan.json").champions if variant is None else ()
    chosen, why = choose(results, champions, variant)
    recipe = Recipe.read(top / "build/recipes" / f"{chosen}.json")
    policy = _existing(top / "data/transforms" / f"{recipe.augmentation}.json", "dvc pull --allow-missing")
    return Source(recipe, policy, read_images(top / "build/images.json"), top / "models" / chosen, why)


def choose(variants: Mapping[str, Mapping[str, Any]], champions: Sequence[str], given: str | None) -> tuple[str, str]:
    """Name the variant to use and say why: `given`, or the first champion, or the best where no champion is trained.

    `variants` is what metrics/variants.json holds. Raises UserError where it has none of that name.
    """
    if given is not None:
        if given in variants:
            return given, "chosen"
        near = difflib.get_close_matches(given, variants, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"variant: {given!r} given; allowed are the names in metrics/variants.json{meant}")
    if not variants:
        raise UserError("metrics/variants.json: names no variant; `dvc repro` trains them")
    trained = [name for name in champions if name in variants]
    if trained:
        return trained[0], "the default"
    best = max(variants, key=lambda name: variants[name]["test_accuracy"])
    return best, "the best in metrics/variants.json, where no champion is trained"


def checkout() -> Path:
    """Give the nearest folder with a dvc.yaml, from here upwards; raises UserError where there is none."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "dvc.yaml").exists():
            return folder
    raise UserError(
        "there is no dvc.yaml here or in a folder above; run this inside a checkout of mnist-study, or name a folder"
        " that `mnist-study export` wrote by --folder"
    )


def _exported(path: Path, read: Callable[[Path], T]) -> T:
    """Read a file of an exported folder; raises UserError where it is missing or damaged."""
    try:
        return read(_existing(path, "mnist-study export"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); `mnist-study export` writes such a folder anew") from None


def _images(path: Path) -> Images:
    images = Images(**json.loads(path.read_text()))
    if type(images.side) is not int or images.side < 1 or not all(isinstance(name, str) for name in images.classes):
        raise ValueError("side is not a number of pixels, or classes are not names")
    return images


def _existing(path: Path, command: str) -> Path:
    if not path.exists():
        raise UserError(f"{path}: missing; `{command}` restores it")
    return path
