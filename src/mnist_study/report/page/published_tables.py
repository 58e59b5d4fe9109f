"""The published tables with ours beside them, and the variants that are not in the study."""

from collections import Counter
from collections.abc import Mapping
from statistics import fmean

from mnist_study.report.analysis.intervals import Interval, mean_interval
from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.page.markdown import accuracy, count, interval, table
from mnist_study.report.results.outcomes import Outcome, Results

# The headings of the published tables, as the study has them.
HEADINGS = {
    1: "Vanilla Network",
    2: "Network with dropout",
    3: "Network with GAP and transition layer + FC",
    4: "Network with GAP and transition layer without FC",
    5: "Network with GAP and transition layer - (2 Max Pools & GAP at 3x3)",
    6: "Network with GAP and transition layer - (1 Max Pools & GAP at 6x6)",
}


def row_verdicts(results: Results) -> Counter[str]:
    """Count how the rows compare with their published figures: `agrees`, `higher`, `lower`."""
    noise = noises(results)
    return Counter(verdict(against_published(row, noise.get(name))) for name, row in results.rows().items())


def mean_difference(results: Results) -> tuple[float, Interval] | None:
    """Give the mean difference over the rows, ours minus published, and its interval; None for fewer than two rows."""
    pairs = [(o.metrics["test_accuracy"], o.published.test_accuracy) for o in results.rows().values() if o.published]
    differences = [ours - theirs for ours, theirs in pairs]
    return (fmean(differences), mean_interval(differences)) if len(pairs) > 1 else None


def means_table(results: Results) -> str:
    """Give the mean of each table over its trained rows."""
    header = ("table", "network", "parameters", "rows", "published", "here", "difference")
    lines = []
    for number in HEADINGS:
        rows = [(name, row) for name, row in results.published.items() if row.table == number]
        trained = [(row.test_accuracy, results.outcomes[name]) for name, row in rows if name in results.rows()]
        if trained:
            theirs = fmean(accuracy for accuracy, _ in trained)
            ours = fmean(outcome.metrics["test_accuracy"] for _, outcome in trained)
            row = rows[0][1]
            means = (f"{theirs:.3f}", f"{ours:.3f}", f"{ours - theirs:+z.3f}")
            lines.append(
                (number, f"`{row.architecture}`", f"{row.parameters:,}", f"{len(trained)} of {len(rows)}", *means)
            )
    return table(header, lines)


def published_tables(results: Results) -> list[tuple[str, str, str]]:
    """Give title, caption and rows of each published table with a trained row, ours beside it."""
    header = ("variant", "published train", "train here", "published test", "test here", "95 % interval")
    header += ("difference", "95 % interval", "verdict")
    noise, found = noises(results), []
    for number, heading in HEADINGS.items():
        rows = {name: o for name, o in results.rows().items() if o.published and o.published.table == number}
        of = [row for row in results.published.values() if row.table == number]
        names = " and ".join(f'"{name}"' for name in dict.fromkeys(row.model_name for row in of))
        if rows:
            caption = f"{names} there; {of[0].parameters:,} parameters; {len(rows)} of its {count(len(of), 'row')}."
            lines = [_row(name, outcome, against_published(outcome, noise.get(name))) for name, outcome in rows.items()]
            found.append((f"Table {number}: {heading}", caption, table(header, lines)))
    return found


def own_table(outcomes: Mapping[str, Outcome]) -> str:
    """List variants that are not in the study."""
    header = ("variant", "architecture", "scheduler", "augmentation", "batch size", "parameters", "epochs", "seeds")
    header += ("train", "validation", "test", "95 % interval")
    named = any(outcome.differs for outcome in outcomes.values())  # as a row of the study
    lines = []
    for name, outcome in outcomes.items():
        recipe, ours = outcome.recipe, outcome.metrics
        validation = f"{ours['validation_accuracy']:.2f}" if "validation_accuracy" in ours else "none"
        lines.append(
            (
                *(f"`{name}`", recipe.architecture, recipe.scheduler, recipe.augmentation, recipe.batch_size),
                *(f"{ours['parameters']:,}", ours["epochs"], ours["seeds"], f"{ours['train_accuracy']:.2f}"),
                *(validation, accuracy(outcome), interval(own_interval(outcome), ".3f")),
                *(["; ".join(outcome.differs)] if named else []),
            )
        )
    return table([*header, *(["differs from its row"] if named else [])], lines)


def _row(name: str, outcome: Outcome, ends: Interval) -> tuple[object, ...]:
    row, ours = outcome.published, outcome.metrics
    assert row
    return (
        *(f"`{name}`", f"{row.train_accuracy:g}", f"{ours['train_accuracy']:.2f}", f"{row.test_accuracy:g}"),
        *(accuracy(outcome), interval(own_interval(outcome))),
        *(f"{ours['test_accuracy'] - row.test_accuracy:+z.3f}", interval(ends, "+z.3f"), verdict(ends)),
    )
