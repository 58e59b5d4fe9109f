"""The report: a page to read, its figures, and tables for `dvc plots`; put in place whole or not at all."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mnist_study import figures, metrics, page
from mnist_study.figures import Curve, Point
from mnist_study.outcomes import Outcome, Study
from mnist_study.statistics import TEST_IMAGES


def write(study: Study, *, metrics_folder: Path, reports: Path) -> None:
    """Write the two files of metrics and the folder of reports, in which nothing older stays.

    All of it is made before the first file is touched, so an error leaves everything as it was.
    """
    numbers = {"variants.json": metrics.to_json(study.variants()), "summary.json": metrics.to_json(study.summary())}
    pages = report_files(study)
    reports.parent.mkdir(parents=True, exist_ok=True)
    metrics_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=reports.parent, prefix=f".{reports.name}-") as name:
        beside = Path(name)
        for relative, content in pages.items():
            _save(beside / "new" / relative, content)
        for relative, text in numbers.items():
            _save(beside / relative, text.encode())
        if reports.exists():
            reports.rename(beside / "old")
        (beside / "new").rename(reports)
        for relative in numbers:
            (beside / relative).replace(metrics_folder / relative)


def report_files(study: Study) -> dict[str, bytes]:
    """Make every file of the report, by its path within the folder."""
    pictures = draw(study)
    files = {f"figures/{name}.svg": svg for name, svg in pictures.items()}
    tables = {
        "learning_curves": learning_curves(study),
        "leaderboard": leaderboard(study),
        "confusion": confusion(study),
    }
    files |= {f"plots/{name}.csv": text.encode() for name, text in tables.items()}
    return files | {"study.md": page.write(study, pictures).encode()}


def draw(study: Study) -> dict[str, bytes]:
    """Draw the figures as SVG, by name; without a row of the study there is nothing to hold against it."""
    best = study.outcomes[study.leaderboard()[0]]
    points = [
        Point(o.published.architecture, o.published.test_accuracy, o.metrics["test_accuracy"])
        for o in study.outcomes.values()
        if o.published
    ]
    pictures = {"learning_curves": figures.learning_curves(panels(study), study.target.accuracy)}
    if points:
        pictures["against_published"] = figures.against_published(points, study.target.accuracy)
    title = f"{best.recipe.variant}, seed {best.evaluation['replicas'][0]['seed']}"
    return pictures | {"confusion": figures.confusion(best.evaluation["replicas"][0]["confusion"], title)}


def panels(study: Study) -> dict[str, list[Curve]]:
    """Sort the variants' curves into the published tables, and one for those that are in none."""
    rows: dict[str, list[Curve]] = {}
    for outcome in sorted(study.outcomes.values(), key=_table):
        recipe, published = outcome.recipe, outcome.published
        title = f"Table {published.table}: {published.architecture}" if published else "Not in the study"
        curve = Curve(
            kind=recipe.scheduler if published else recipe.variant,
            accuracies=metrics.curve(outcome.training),
            dotted=recipe.augmentation == "plain",
            thin=recipe.batch_size == 128,
        )
        rows.setdefault(title, []).append(curve)
    return rows


def learning_curves(study: Study) -> str:
    """Give the CSV of every epoch of every seed: losses in nats, accuracies in percent."""
    values = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    lines = [
        (name, replica["seed"], row["epoch"], *(f"{row[value]:.4f}" for value in values))
        for name, outcome in study.outcomes.items()
        for replica in outcome.training["replicas"]
        for row in replica["history"]
    ]
    return _csv(("variant", "seed", "epoch", *values), lines)


def leaderboard(study: Study) -> str:
    """Give the CSV of the variants by falling test accuracy, in percent, and the test images missed, mean over seeds.

    Bars are drawn of the misses: with accuracies that all begin with 99 they would look alike.
    """
    accuracies = {name: study.outcomes[name].metrics["test_accuracy"] for name in study.leaderboard()}
    missed = {name: (100 - accuracy) / 100 * TEST_IMAGES for name, accuracy in accuracies.items()}
    lines = [(name, f"{accuracy:.3f}", f"{missed[name]:.1f}") for name, accuracy in accuracies.items()]
    return _csv(("variant", "test_accuracy", "test_images_missed"), lines)


def confusion(study: Study) -> str:
    """Give the CSV of true and predicted class, a line per test image, for the best variant's first seed.

    The lines are in order of class, not of image: they are what `dvc plots` counts for its matrix.
    """
    counts = study.outcomes[study.leaderboard()[0]].evaluation["replicas"][0]["confusion"]
    lines = [
        (actual, predicted)
        for actual, row in enumerate(counts)
        for predicted, count in enumerate(row)
        for _ in range(count)
    ]
    return _csv(("actual", "predicted"), lines)


def _table(outcome: Outcome) -> tuple[bool, int]:
    return outcome.published is None, outcome.published.table if outcome.published else 0


def _csv(header: Iterable[str], lines: Iterable[Iterable[Any]]) -> str:
    # Names hold no commas or quotes, so joining is enough.
    return "".join(",".join(str(cell) for cell in line) + "\n" for line in (header, *lines))


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
