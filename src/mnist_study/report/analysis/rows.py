"""One row or variant: its interval, its noise, and how it compares with its published figure."""

from typing import Literal

from mnist_study.report.analysis.intervals import Interval, Noise, mean_interval, seed_noise, two_proportions, wilson
from mnist_study.report.results.outcomes import Outcome, Results

Verdict = Literal["agrees", "higher", "lower"]


def own_interval(outcome: Outcome) -> Interval:
    """Give Student's interval for the mean over seeds or, of one seed, Wilson's for other test images."""
    accuracies = outcome.accuracies
    return mean_interval(accuracies) if len(accuracies) > 1 else wilson(accuracies[0], outcome.test_images)


def noises(results: Results) -> dict[str, Noise]:
    """Give the noise of each row, pooled over the rows with its scheduler and augmentation.

    It differs between those. A row is left out where none of its group has two seeds.
    """
    groups: dict[tuple[str, str], list[list[float]]] = {}
    for outcome in results.rows().values():
        groups.setdefault(group(outcome), []).append(outcome.accuracies)
    found = {name: noise for name, accuracies in groups.items() if (noise := seed_noise(accuracies))}
    return {name: found[group(outcome)] for name, outcome in results.rows().items() if group(outcome) in found}


def group(outcome: Outcome) -> tuple[str, str]:
    """Name the group of rows of the same noise: scheduler and augmentation."""
    return outcome.recipe.scheduler, outcome.recipe.augmentation


def against_published(outcome: Outcome, noise: Noise | None) -> Interval:
    """Give the interval of our mean less the published accuracy, which is of one run.

    It supposes that the study's runs vary as ours do between seeds; all are measured on the same test images. Where
    our noise is not known, both count as proportions of test images of their own.
    """
    assert outcome.published
    ours, theirs, seeds = outcome.metrics["test_accuracy"], outcome.published.test_accuracy, outcome.metrics["seeds"]
    if noise is None:
        return two_proportions(ours, theirs)
    margin = noise.run_margin(seeds)
    return ours - theirs - margin, ours - theirs + margin


def verdict(ends: Interval) -> Verdict:
    """Give the comparison in a word: it agrees where the interval contains 0."""
    low, high = ends
    return "higher" if low > 0 else "lower" if high < 0 else "agrees"
