"""What a sweep's plan asks for: trials, and a task for each row of the table."""

import copy
import functools
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mnist_study.augmentation import with_kinds
from mnist_study.configure import build, document
from mnist_study.configure.params import Plan
from mnist_study.core import mnist
from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.transforms import normalisation


@dataclass(frozen=True)
class Task:
    """One row of the table to be trained, on the images in a folder; `part` says which images are held out."""

    trial: str
    recipe: Recipe
    seed: int
    policy: Policy
    images: Path
    part: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """Name the row: trial, variant and seed."""
        return self.trial, self.recipe.variant, str(self.seed)

    @property
    def recipe_hash(self) -> str:
        """Give the first 12 digits of the SHA-256 of recipe, policy and part; the list of seeds is left out."""
        trained = [asdict(replace(self.recipe, seeds=())), asdict(self.policy), *([self.part] if self.part else [])]
        return hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()[:12]


def pending(plan: Path, images: Path, finished: dict[tuple[str, ...], str]) -> list[Task]:
    """Give what is to be trained, seed by seed; `finished` has the hash of each row that the table has.

    All is normalised as in the pipeline, by all training images. Raises UserError for a variant that holds out no
    images, for images that are not what the plan says, and where the table has rows of another recipe.
    """
    checked, rotating = trials(plan), "halving" in document.read(plan)
    for recipe in [recipe for each in checked.values() for recipe in each.recipes]:
        if not recipe.validation:
            raise UserError(f"variants.{recipe.variant}.validation: 0 given; a sweep scores images held out")
    training = mnist.training_split(images)
    mean, sd = normalisation.measure(training.images)
    side, last = training.images.shape[2], int(training.labels.max())
    tasks = []
    for trial, each in checked.items():
        if side != each.data.side or last >= len(each.data.classes):
            said = f"{trial}: side {each.data.side} and {len(each.data.classes)} classes given"
            raise UserError(f"data, {said}; {images} has images of {side} x {side} with labels to {last}")
        for recipe in each.recipes:
            ranges = each.policies[recipe.augmentation].ranges()
            if recipe.validation >= len(training.images):
                given = (
                    f"{recipe.validation:,} given; allowed are fewer than the {len(training.images):,} training images"
                )
                raise UserError(f"variants.{recipe.variant}.validation: {given}")
            policy = with_kinds(Policy(mean, sd, {name: (low, high) for name, (low, high) in ranges.items()}))
            parts = len(training.images) // recipe.validation if rotating else 1
            for place, seed in enumerate(recipe.seeds):
                tasks.append(Task(trial, recipe, seed, policy, images, place % parts))
    edited = {task.trial: None for task in tasks if finished.get(task.key, task.recipe_hash) != task.recipe_hash}
    if edited:
        raise UserError(
            f"{plan.with_suffix('.csv')}: has rows of another recipe or other images for {', '.join(edited)};"
            " delete these rows or rename the trials"
        )
    return [task for task in sorted(tasks, key=lambda task: task.seed) if task.key not in finished]


def trials(plan: Path) -> dict[str, Plan]:
    """Make each trial's changes and check what comes out; raises UserError where that is no params.yaml."""
    raw = document.read(plan)
    if not isinstance(raw, dict) or not isinstance(raw.get("trials"), dict) or not raw["trials"]:
        raise UserError(
            f"{plan}: has no `trials`, a name for each set of changes, such as {{slow: {{train.lr: 0.01}}}}"
        )
    raw.pop("halving", None)
    raw.setdefault("champions", [])  # which a sweep does not need
    checked = {}
    for trial, changes in raw.pop("trials").items():
        if not isinstance(changes, dict):
            raise UserError(f"{plan}: trials.{trial}: {changes!r} given; allowed are keys with their values, or {{}}")
        changed = copy.deepcopy(raw)
        for name, value in changes.items():
            *sections, last = str(name).split(".")
            try:
                functools.reduce(dict.__getitem__, sections, changed)[last] = value
            except (KeyError, TypeError):
                raise UserError(f"{plan}: trials.{trial}.{name}: there is no section of that name") from None
        checked[str(trial)] = build.check(changed, f"{plan.stem}, {trial}")
    return checked


def keys(checked: dict[str, Plan]) -> set[tuple[str, ...]]:
    """Give the key of every row that these trials ask for; the table may have others, of variants that are gone."""
    return {
        (trial, recipe.variant, str(seed))
        for trial, each in checked.items()
        for recipe in each.recipes
        for seed in recipe.seeds
    }


def rounds(plan: Path) -> list[list[int]]:
    """Give the seeds of each round: more and more with `halving`, else all at once.

    Raises UserError where `halving` does not rise to at most the number of seeds, or where the seeds of trials differ.
    """
    lists = [recipe.seeds for each in trials(plan).values() for recipe in each.recipes]
    raw: Any = document.read(plan)
    if "halving" not in raw:
        return [sorted({seed for seeds in lists for seed in seeds})]
    counts, seeds = raw["halving"], lists[0]
    if any(each != seeds for each in lists):
        raise UserError(f"{plan}: halving: trials or variants with seeds of their own given; allowed are equal ones")
    whole = isinstance(counts, list) and all(type(count) is int for count in counts)
    if not whole or counts != sorted(set(counts)) or not counts or counts[0] < 1 or counts[-1] > len(seeds):
        raise UserError(f"{plan}: halving: {counts!r} given; allowed are rising numbers, from 1 to {len(seeds)} seeds")
    return [list(seeds[:count]) for count in counts]


def hold_out(split: Split, count: int, part: int) -> tuple[Split, Split]:
    """As `mnist.hold_out`, with other images held out in each part; those of part 0 are the same as there."""
    places = order(len(split), key("hold_out"))
    turned = torch.empty_like(places)
    turned[places] = places.roll(-part * count)
    return mnist.hold_out(Split(split.images[turned], split.labels[turned]), count)
