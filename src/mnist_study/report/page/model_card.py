"""What the model card lists of the champions: each network's accuracy, and the limits."""

from statistics import fmean

from mnist_study.report.analysis.rows import own_interval
from mnist_study.report.page.markdown import accuracy, interval, table
from mnist_study.report.results.outcomes import Outcome, Results


def seeds_table(results: Results) -> str:
    """List the champions with mean, interval and each seed's accuracy."""
    header = (
        "variant",
        "parameters",
        "mean ± standard deviation",
        "95 % interval of the mean",
        "each network, by its seed",
    )
    lines = [
        (
            *(f"`{outcome.recipe.variant}`", f"{outcome.metrics['parameters']:,}", accuracy(outcome)),
            _interval(outcome),
            ", ".join(f"{row['seed']}: {row['test_accuracy']:.2f}" for row in outcome.evaluation["replicas"]),
        )
        for outcome in results.best()
    ]
    return table(header, lines)


def _interval(outcome: Outcome) -> str:
    """Write the interval; that of one seed is of another kind."""
    ends = interval(own_interval(outcome), ".3f")
    return ends if len(outcome.accuracies) > 1 else f"one network; for other test images {ends}"


def limits_table(results: Results) -> str:
    """Give the mean accuracy of each champion on the images of each kind."""
    champions = results.best()
    header = ("images", "number", *(f"`{outcome.recipe.variant}`" for outcome in champions))
    lines = [
        (
            conditions[0]["change"],
            f"{conditions[0]['images']:,}",
            *(f"{fmean(c['accuracies']):.2f}" for c in conditions),
        )
        for conditions in zip(*(outcome.robustness for outcome in champions), strict=True)
    ]
    return table(header, lines)


def noise_sentence(results: Results) -> str:
    """Name the champion for noisy pictures; empty where the first one is, or where nobody measured that."""
    champions = results.best()
    changes = zip(*(outcome.robustness for outcome in champions), strict=True)
    noisy = [conditions for conditions in changes if "noise" in conditions[0]["change"]]
    if not noisy:
        return ""
    means = [fmean(condition["accuracies"]) for condition in noisy[-1]]
    best = max(range(len(means)), key=means.__getitem__)
    if best == 0:
        return ""
    names = [f"`{outcome.recipe.variant}`" for outcome in champions]
    return (
        f"For noisy pictures take {names[best]}: {noisy[-1][0]['change']}, it names {means[best]:.2f} % of the images"
        f" right, {names[0]} {means[0]:.2f} %."
    )
