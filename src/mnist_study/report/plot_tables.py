"""Tables for `dvc plots`, as CSV."""

from collections.abc import Iterable
from typing import Any

from mnist_study.report.results.outcomes import Results
from mnist_study.running import curves_table


def learning_curves(results: Results) -> str:
    """Give the CSV of every epoch of every seed."""
    lines = [
        curves_table.line(name, replica["seed"], row)
        for name, outcome in results.outcomes.items()
        for replica in outcome.training["replicas"]
        for row in replica["history"]
    ]
    return curves_table.table(lines)


def leaderboard(results: Results) -> str:
    """Give the CSV of the variants by falling test accuracy, in percent, and the test images missed.

    Misses are those of the mean over seeds, of the best seed and of the worst. They are drawn, since all accuracies
    begin with 99.
    """
    lines = []
    for name in results.leaderboard():
        outcome = results.outcomes[name]
        mean, each = outcome.metrics["test_accuracy"], outcome.accuracies
        missed = (f"{(100 - accuracy) / 100 * outcome.test_images:.1f}" for accuracy in (mean, max(each), min(each)))
        lines.append((name, f"{mean:.3f}", *missed))
    return _csv(("variant", "test_accuracy", "test_images_missed", "fewest", "most"), lines)


def confusion(results: Results) -> str:
    """Give the CSV of the confusion matrix of the best variant's first seed."""
    name = results.leaderboard()[0]
    counts = results.outcomes[name].evaluation["replicas"][0]["confusion"]
    classes = results.images.classes
    lines = [
        (name, actual, predicted, images)
        for actual, row in zip(classes, counts, strict=True)
        for predicted, images in zip(classes, row, strict=True)
    ]
    return _csv(("variant", "actual", "predicted", "images"), lines)


def _csv(header: Iterable[str], lines: Iterable[Iterable[Any]]) -> str:
    # Names of variants and of classes hold no commas or quotes, so joining is enough.
    return "".join(",".join(str(cell) for cell in line) + "\n" for line in (header, *lines))
