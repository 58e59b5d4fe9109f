"""Tables for `dvc plots`, as CSV."""

from collections.abc import Iterable
from typing import Any

from mnist_study import curves
from mnist_study.outcomes import Study
from mnist_study.statistics import TEST_IMAGES


def learning_curves(study: Study) -> str:
    """Give the CSV of every epoch of every seed."""
    lines = [
        curves.line(name, replica["seed"], row)
        for name, outcome in study.outcomes.items()
        for replica in outcome.training["replicas"]
        for row in replica["history"]
    ]
    return curves.table(lines)


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


def _csv(header: Iterable[str], lines: Iterable[Iterable[Any]]) -> str:
    # Names hold no commas or quotes, so joining is enough.
    return "".join(",".join(str(cell) for cell in line) + "\n" for line in (header, *lines))
