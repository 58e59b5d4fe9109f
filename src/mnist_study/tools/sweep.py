"""Choose a recipe: train on part of the training images, score the rest; test images are never read.

    python -m mnist_study.tools.sweep docs/sweeps/learning_rate.yaml

The file is a params.yaml, and `trials`: a name for each set of changes to it, by key. Every variant is trained in every
trial. A line for each goes to the CSV beside the file as soon as it is there; started again, a sweep goes on where it
was. DVC has no part in it: what is only tried out needs no cache.
"""

import argparse
import copy
import csv
import functools
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from mnist_study import architectures
from mnist_study.configure import describe, document, params
from mnist_study.core import mnist
from mnist_study.core.augmentation import Policy
from mnist_study.core.errors import UserError
from mnist_study.core.randomness import stream
from mnist_study.core.recipe import Recipe
from mnist_study.running import console, pool
from mnist_study.train import engines
from mnist_study.train.loop import train
from mnist_study.transforms import normalisation

FIELDS = ["trial", "variant", "seed", "parameters", "train_accuracy", "validation_accuracy", "validation_loss"]
Task = tuple[str, Recipe, int, dict[str, tuple[float, float]], Path]


def main() -> None:
    """Train what the table lacks, as many at once as there are workers; print the means."""
    parser = argparse.ArgumentParser(prog="python -m mnist_study.tools.sweep", description=__doc__)
    parser.add_argument("plan", type=Path, help="a params.yaml with `trials`, whose variants hold out images")
    parser.add_argument("--images", type=Path, default=Path("data/mnist"), help="the folder of MNIST's files")
    given = parser.parse_args()
    table = given.plan.with_suffix(".csv")
    tasks = list(pending(given.plan, given.images, done(table)))
    with _pool() as pool:
        for number, row in enumerate(pool.imap_unordered(run_task, tasks), start=1):
            append(table, row)
            accuracy = row["validation_accuracy"]
            print(
                f"{number} of {len(tasks)}: {row['trial']}, {row['variant']}, seed {row['seed']}: {accuracy}",
                flush=True,
            )
    Console().print(means(table))


def _pool() -> Pool:
    return multiprocessing.get_context("spawn").Pool(pool.workers(), maxtasksperchild=1)


def pending(plan: Path, images: Path, finished: set[tuple[str, ...]]) -> Iterator[Task]:
    """Give what is to be trained, seed by seed; raises UserError for a variant that holds out no images."""
    tasks: list[Task] = []
    for trial, checked in trials(plan).items():
        for recipe in checked.recipes:
            if not recipe.validation:
                raise UserError(f"variants.{recipe.variant}.validation: 0 given; a sweep scores images held out")
            ranges = checked.policies[recipe.augmentation].ranges()
            policy = {name: (low, high) for name, (low, high) in ranges.items()}
            tasks += [(trial, recipe, seed, policy, images) for seed in recipe.seeds]
    for task in sorted(tasks, key=lambda task: task[2]):
        trial, recipe, seed, *_ = task
        if (trial, recipe.variant, str(seed)) not in finished:
            yield task


def trials(plan: Path) -> dict[str, params.Plan]:
    """Make each trial's changes and check what comes out; raises UserError where that is no params.yaml."""
    architectures = {name: describe.options(name) for name in describe.architecture_names()}
    yaml = YAML(typ="safe", pure=True)
    raw = document.read(plan)
    if not isinstance(raw, dict) or not isinstance(raw.get("trials"), dict):
        raise UserError(
            f"{plan}: has no `trials`, a name for each set of changes, such as {{slow: {{train.lr: 0.01}}}}"
        )
    checked = {}
    with tempfile.TemporaryDirectory() as folder:
        for trial, changes in raw.pop("trials").items():
            changed = copy.deepcopy(raw)
            if not isinstance(changes, dict):
                raise UserError(
                    f"{plan}: trials.{trial}: {changes!r} given; allowed are keys with their values, or {{}}"
                )
            for key, value in changes.items():
                *sections, last = str(key).split(".")
                try:
                    functools.reduce(dict.__getitem__, sections, changed)[last] = value
                except (KeyError, TypeError):
                    raise UserError(f"{plan}: trials.{trial}.{key}: there is no section of that name") from None
            file = Path(folder) / f"{plan.stem}, {trial}"
            yaml.dump(changed, file)
            checked[trial] = params.load(file, architectures, describe.count_parameters)
    return checked


def run_task(task: Task) -> dict[str, str]:
    """Train one seed of one variant; give its row of the table."""
    trial, recipe, seed, ranges, images = task
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training, held_out = mnist.hold_out(mnist.training_split(images), recipe.validation)
    policy = Policy(*normalisation.measure(training.images), ranges)
    torch.manual_seed(stream("weights", seed))
    model = architectures.build(recipe.architecture, **recipe.model).to(recipe.device)
    engine = engines.choose(recipe, model, len(training), print)
    _, history = train(model, engine, recipe, seed, policy, training, {"validation": held_out}, lambda sign: None)
    last = history[-1]
    scores = {name: f"{last[name]:.3f}" for name in ("train_accuracy", "validation_accuracy")}
    loss = f"{last['validation_loss']:.4f}"
    about = {"trial": trial, "variant": recipe.variant, "seed": str(seed)}
    return about | {"parameters": str(architectures.count_parameters(model))} | scores | {"validation_loss": loss}


def done(table: Path) -> set[tuple[str, ...]]:
    """Give the trials, variants and seeds that the table has."""
    return {(row["trial"], row["variant"], row["seed"]) for row in rows(table)}


def rows(table: Path) -> list[dict[str, str]]:
    """Read the table; there may be none yet."""
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def append(table: Path, row: dict[str, str]) -> None:
    """Write one more line, after the header if it is the first."""
    begins = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if begins:
            writer.writeheader()
        writer.writerow(row)


def means(table: Path) -> Table:
    """Give the mean over seeds of each trial and variant and, where there are several, over the trial's variants."""
    grouped: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows(table):
        grouped.setdefault((row["trial"], row["variant"]), []).append(row)
        grouped.setdefault((row["trial"], "all"), []).append(row)
    alone = {trial for trial, variant in grouped if len({v for t, v in grouped if t == trial}) == 2}
    shown = Table("trial", "variant", "parameters", "runs", "validation accuracy", "loss", "training accuracy")
    for (trial, variant), group in sorted(grouped.items()):
        if variant == "all" and trial in alone:
            continue
        accuracy, loss, training = (
            statistics.fmean(float(row[column]) for row in group)
            for column in ("validation_accuracy", "validation_loss", "train_accuracy")
        )
        parameters = group[0]["parameters"] if variant != "all" else ""
        shown.add_row(trial, variant, parameters, str(len(group)), f"{accuracy:.3f}", f"{loss:.4f}", f"{training:.2f}")
    return shown


if __name__ == "__main__":
    with console.plain_errors():
        main()
