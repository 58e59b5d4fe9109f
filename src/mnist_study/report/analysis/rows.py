"""One variant against its published row, and the interval of its own mean."""

from mnist_study.report.analysis.intervals import Interval, mean_interval, verdict, wilson
from mnist_study.report.results.outcomes import Outcome


def row_verdict(outcome: Outcome) -> str:
    """Compare a row with its published accuracy, in a word."""
    assert outcome.published
    return verdict(outcome.metrics["test_accuracy"], outcome.published.test_accuracy, outcome.metrics["seeds"])


def own_interval(outcome: Outcome) -> Interval:
    """Give Student's interval for the mean over seeds or, of one seed, Wilson's for other test images."""
    accuracies = outcome.accuracies
    return mean_interval(accuracies) if len(accuracies) > 1 else wilson(accuracies[0], outcome.test_images)
