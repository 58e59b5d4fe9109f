"""Choose a recipe: train every variant of a file like params.yaml on part of the training images, score the rest.

    python -m mnist_study.sweep docs/sweeps/schedulers.yaml

Test images are never read. A line per variant and seed goes to the CSV beside the file as soon as it is trained;
started again, a sweep goes on where it was. DVC has no part in it: its half minute a run would be half of the time.
"""

import argparse
import csv
import multiprocessing
import statistics
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from mnist_study import console, engines, mnist, models, normalisation, params, replicas
from mnist_study.augmentation import Policy
from mnist_study.errors import StudyError
from mnist_study.models import summary
from mnist_study.randomness import stream
from mnist_study.recipe import Recipe
from mnist_study.training import train

FIELDS = ["variant", "seed", "parameters", "train_accuracy", "validation_accuracy", "validation_loss"]
Task = tuple[Recipe, int, dict[str, tuple[float, float]], Path]


def main() -> None:
    """Train what the table lacks, as many at once as there are workers; print the means."""
    parser = argparse.ArgumentParser(prog="python -m mnist_study.sweep", description=__doc__)
    parser.add_argument("plan", type=Path, help="a file like params.yaml, whose variants hold out images")
    parser.add_argument("--images", type=Path, default=Path("data/mnist"), help="the folder of MNIST's files")
    given = parser.parse_args()
    table = given.plan.with_suffix(".csv")
    tasks = list(waiting(given.plan, given.images, done(table)))
    with _pool() as pool:
        for number, row in enumerate(pool.imap_unordered(one, tasks), start=1):
            append(table, row)
            accuracy = row["validation_accuracy"]
            print(f"{number} of {len(tasks)}: {row['variant']}, seed {row['seed']}: {accuracy}", flush=True)
    Console().print(means(table))


def _pool() -> Pool:
    return multiprocessing.get_context("spawn").Pool(replicas.workers(), maxtasksperchild=1)


def waiting(plan: Path, images: Path, finished: set[tuple[str, str]]) -> Iterator[Task]:
    """Give what is to be trained, seed by seed; raises StudyError for a variant that holds out no images."""
    architectures = {name: summary.options(name) for name in summary.architectures()}
    checked = params.load(plan, architectures, summary.count_parameters)
    for recipe in checked.recipes:
        if not recipe.validation:
            raise StudyError(f"variants.{recipe.variant}.validation: 0 given; a sweep scores images that are held out")
    for seed in sorted({seed for recipe in checked.recipes for seed in recipe.seeds}):
        for recipe in checked.recipes:
            if seed in recipe.seeds and (recipe.variant, str(seed)) not in finished:
                ranges = checked.policies[recipe.augmentation].ranges()
                yield recipe, seed, {name: (low, high) for name, (low, high) in ranges.items()}, images


def one(task: Task) -> dict[str, str]:
    """Train one seed of one variant; give its row of the table."""
    recipe, seed, ranges, images = task
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training, held_out = mnist.hold_out(mnist.training_split(images), recipe.validation)
    policy = Policy(*normalisation.measure(training.images), ranges)
    torch.manual_seed(stream("weights", seed))
    model = models.build(recipe.architecture, **recipe.model)
    engine = engines.choose(recipe, model, len(training), print)
    _, history = train(model, engine, recipe, seed, policy, training, {"validation": held_out}, lambda sign: None)
    last = history[-1]
    scores = {name: f"{last[name]:.3f}" for name in ("train_accuracy", "validation_accuracy")}
    loss = f"{last['validation_loss']:.4f}"
    parameters = str(models.count_parameters(model))
    return {"variant": recipe.variant, "seed": str(seed), "parameters": parameters, **scores, "validation_loss": loss}


def done(table: Path) -> set[tuple[str, str]]:
    """Give the variants and seeds that the table has."""
    return {(row["variant"], row["seed"]) for row in rows(table)}


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
    """Give each variant's mean over its seeds, the best first."""
    by_variant: dict[str, list[dict[str, str]]] = {}
    for row in rows(table):
        by_variant.setdefault(row["variant"], []).append(row)

    def mean(name: str, column: str) -> float:
        return statistics.fmean(float(row[column]) for row in by_variant[name])

    shown = Table("variant", "parameters", "seeds", "validation", "sd", "loss", "training")
    for name in sorted(by_variant, key=lambda name: -mean(name, "validation_accuracy")):
        accuracies = [float(row["validation_accuracy"]) for row in by_variant[name]]
        sd = f"{statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
        shown.add_row(
            name,
            by_variant[name][0]["parameters"],
            str(len(accuracies)),
            f"{mean(name, 'validation_accuracy'):.3f}",
            sd,
            f"{mean(name, 'validation_loss'):.4f}",
            f"{mean(name, 'train_accuracy'):.2f}",
        )
    return shown


if __name__ == "__main__":
    with console.plain_errors():
        main()
