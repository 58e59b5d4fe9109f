"""From a study to its figures: which there are, and what each shows."""

from mnist_study import metrics
from mnist_study.designs import DESIGNS
from mnist_study.factorial import Effect, Fit
from mnist_study.figures import confusion, curves, digits, effects, network, rows
from mnist_study.figures.curves import Curve
from mnist_study.figures.digits import Digit
from mnist_study.figures.effects import Bar, Value
from mnist_study.figures.rows import Point, Star
from mnist_study.misses import Misses
from mnist_study.outcomes import Outcome, Study
from mnist_study.page.result import own_interval

GALLERY = 40  # digits at most, as the page says


def draw(study: Study, misses: Misses, published: dict[str, Fit], ours: dict[str, Fit]) -> dict[str, bytes]:
    """Draw the figures as SVG, by name; what there is nothing to show of is left out."""
    points, goal = _points(study), study.target
    best = study.outcomes[study.leaderboard()[0]]
    title = f"{best.recipe.variant}, seed {best.evaluation['replicas'][0]['seed']}"
    pictures = {
        "effects": effects.effects(_bars(published, ours)),
        "parameters": rows.parameters(points, _stars(study), goal.accuracy, goal.parameters),
        "learning_curves": curves.learning_curves(panels(study), goal.accuracy),
        "confusion": confusion.confusion(best.evaluation["replicas"][0]["confusion"], title),
    }
    if points:
        pictures["against_published"] = rows.against_published(points, goal.accuracy)
    if hardest := _digits(misses):
        pictures["missed"] = digits.gallery(hardest)
    diagrams = {f"network_{place}": network.diagram(n.layers) for place, n in enumerate(study.networks, 1)}
    return pictures | diagrams


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
            thin=published is not None and (published.batch_size == 128 or (published.table > 4 and published.dropout)),
        )
        rows.setdefault(title, []).append(curve)
    return rows


def _points(study: Study) -> list[Point]:
    return [
        Point(
            kind=o.published.architecture,
            parameters=o.metrics["parameters"],
            published=o.published.test_accuracy,
            ours=o.metrics["test_accuracy"],
            seeds=o.metrics["seeds"],
        )
        for o in study.outcomes.values()
        if o.published
    ]


def _stars(study: Study) -> list[Star]:
    return [
        Star(name, outcome.metrics["parameters"], outcome.metrics["test_accuracy"], own_interval(outcome))
        for name, outcome in study.outcomes.items()
        if not outcome.published
    ]


def _bars(published: dict[str, Fit], ours: dict[str, Fit]) -> dict[str, list[Bar]]:
    """Give a bar for each comparison, a list a design."""
    found = {}
    for design in DESIGNS:
        theirs, own = published[design.title].effects, ours[design.title].effects if design.title in ours else {}
        found[design.title] = [
            Bar(comparison.words, _value(theirs[name]), _value(own[name]) if name in own else None)
            for name, comparison in design.comparisons.items()
        ]
    return found


def _value(effect: Effect) -> Value:
    return effect.difference, effect.low, effect.high


def _digits(misses: Misses) -> list[Digit]:
    return [
        Digit(
            image=misses.images[place],
            place=int(place),
            label=int(misses.labels[place]),
            answer=int(misses.answers[place]),
            missed_percent=100 * float(misses.counts[place]) / misses.networks,
        )
        for place in misses.hardest(GALLERY)
    ]


def _table(outcome: Outcome) -> tuple[bool, int]:
    return outcome.published is None, outcome.published.table if outcome.published else 0
