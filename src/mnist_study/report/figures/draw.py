"""Which figures there are, and what each shows."""

from collections.abc import Sequence

from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.differences import Difference
from mnist_study.report.analysis.factorial import Fit
from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.figures import (
    confusion,
    forest_plot,
    front,
    learning_curves,
    missed,
    network_diagram,
    scatter_plots,
)
from mnist_study.report.figures.forest_plot import Bar, Value
from mnist_study.report.figures.learning_curves import Curve
from mnist_study.report.figures.missed import Missed
from mnist_study.report.figures.scatter_plots import Point, Star
from mnist_study.report.results import metrics
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Outcome, Results

GALLERY = 40  # images at most, as the page says


def draw(results: Results, misses: Misses, published: dict[str, Fit], ours: dict[str, Fit]) -> dict[str, bytes]:
    """Draw the figures as SVG, by name; a figure with nothing to show is left out."""
    points, goal = _points(results), results.target
    own = [outcome for outcome in results.outcomes.values() if not outcome.published]
    best = results.outcomes[results.leaderboard()[0]]
    finals = [metrics.curve(row.training)[-1] for row in results.rows().values()]
    title = f"{best.recipe.variant}, seed {best.evaluation['replicas'][0]['seed']}"
    pictures = {
        "parameters": scatter_plots.parameters(points, _stars(own), goal.accuracy, goal.parameters),
        "learning_curves": learning_curves.learning_curves(panels(results), goal.accuracy, finals),
        "confusion": confusion.confusion(best.evaluation["replicas"][0]["confusion"], results.images.classes, title),
    }
    if results.champions:
        pictures["front"] = front.front(_stars(results.best()), points, results.elsewhere, goal.accuracy)
    if published:
        pictures["effects"] = forest_plot.effects(_bars(published, ours))
    if points:
        pictures["against_published"] = scatter_plots.against_published(points, goal.accuracy)
    if hardest := _hardest(misses, results.images.classes):
        pictures["missed"] = missed.gallery(hardest)
    diagrams = {
        f"network_{network.file_name}": network_diagram.diagram(network.layers, results.images.side)
        for network in results.networks
    }
    return pictures | diagrams


def panels(results: Results) -> dict[str, list[Curve]]:
    """Group the variants' curves by published table; those that are no rows make a group of their own."""
    own = "Not in the study" if results.published else "All variants"
    rows: dict[str, list[Curve]] = {}
    for outcome in sorted(results.outcomes.values(), key=_table):
        recipe, published = outcome.recipe, outcome.published
        title = f"Table {published.table}: {published.architecture}" if published else own
        curve = Curve(
            kind=recipe.scheduler if published else recipe.variant,
            accuracies=metrics.curve(outcome.training),
            dotted=recipe.augmentation == "plain",
            thin=published is not None and (published.batch_size == 128 or (published.table > 4 and published.dropout)),
        )
        rows.setdefault(title, []).append(curve)
    return rows


def _points(results: Results) -> list[Point]:
    noise = noises(results)
    return [
        Point(
            kind=o.published.architecture,
            parameters=o.metrics["parameters"],
            published=o.published.test_accuracy,
            ours=o.metrics["test_accuracy"],
            agrees=verdict(against_published(o, noise.get(name))) == "agrees",
        )
        for name, o in results.outcomes.items()
        if o.published
    ]


def _stars(outcomes: Sequence[Outcome]) -> list[Star]:
    return [
        Star(o.recipe.variant, o.metrics["parameters"], o.metrics["test_accuracy"], own_interval(o)) for o in outcomes
    ]


def _bars(published: dict[str, Fit], ours: dict[str, Fit]) -> dict[str, list[Bar]]:
    """Give a bar for each comparison, by design."""
    found = {}
    for design in DESIGNS:
        theirs, own = published[design.title].effects, ours[design.title].effects if design.title in ours else {}
        found[design.title] = [
            Bar(comparison.words, _value(theirs[name]), _value(own[name]) if name in own else None)
            for name, comparison in design.comparisons.items()
        ]
    return found


def _value(effect: Difference) -> Value:
    return effect.value, effect.low, effect.high


def _hardest(misses: Misses, classes: Sequence[str]) -> list[Missed]:
    return [
        Missed(
            image=misses.images[place],
            place=int(place),
            label=classes[int(misses.labels[place])],
            answer=classes[int(misses.answers[place])],
            missed_percent=100 * float(misses.counts[place]) / misses.networks,
        )
        for place in misses.hardest(GALLERY)
    ]


def _table(outcome: Outcome) -> tuple[bool, int]:
    return outcome.published is None, outcome.published.table if outcome.published else 0
