"""The published tables with ours beside them, and the variants that are not in the study."""

from statistics import fmean

from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.page.markdown import accuracy, count, interval, table
from mnist_study.report.results.metrics import CHAMPIONS
from mnist_study.report.results.outcomes import Results

# The headings of the published tables, as the study has them.
HEADINGS = {
    1: "Vanilla Network",
    2: "Network with dropout",
    3: "Network with GAP and transition layer + FC",
    4: "Network with GAP and transition layer without FC",
    5: "Network with GAP and transition layer - (2 Max Pools & GAP at 3x3)",
    6: "Network with GAP and transition layer - (1 Max Pools & GAP at 6x6)",
}
NOTE = (
    "All in percent; ± is the standard deviation over seeds. Training accuracy is measured during training, on"
    " augmented digits and with dropout active, so it can be lower than test accuracy. The interval is that of the"
    " difference, ours less published, if the study's runs vary as networks do here between seeds. Where it contains 0"
    " the verdict is *agrees*; by chance alone one row in twenty does not."
)


def published_tables(results: Results) -> str:
    """Give each published table with a trained row, under one note; empty where nothing is published."""
    if not results.published:
        return ""
    if not results.rows():
        return "No row of the study is trained."
    return "\n\n".join(
        [table_means(results), NOTE, *(text for number in HEADINGS if (text := published_table(results, number)))]
    )


def table_means(results: Results) -> str:
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
    return f"Mean test accuracy of the trained rows of each table:\n\n{table(header, lines)}"


def published_table(results: Results, number: int) -> str:
    """Give one published table with ours beside it; empty where none of its rows is trained."""
    rows = {name: o for name, o in results.rows().items() if o.published and o.published.table == number}
    if not rows:
        return ""
    header = ("variant", "scheduler", "augmentation", "batch size", "published train", "train here")
    header += ("published test", "test here", "difference", "95 % interval", "verdict")
    lines, noise = [], noises(results)
    for name, outcome in rows.items():
        row, recipe, ours = results.published[name], outcome.recipe, outcome.metrics
        ends = against_published(outcome, noise.get(name))
        lines.append(
            (
                *(f"`{name}`", recipe.scheduler, recipe.augmentation, recipe.batch_size),
                *(f"{row.train_accuracy:g}", f"{ours['train_accuracy']:.2f}", f"{row.test_accuracy:g}"),
                *(accuracy(outcome), f"{ours['test_accuracy'] - row.test_accuracy:+z.2f}"),
                *(interval(ends, "+z.2f"), verdict(ends)),
            )
        )
    of = [row for row in results.published.values() if row.table == number]
    names = " and ".join(f'"{name}"' for name in dict.fromkeys(row.model_name for row in of))
    caption = f"{names} there; {of[0].parameters:,} parameters; {len(rows)} of the table's {count(len(of), 'row')}."
    return f"### Table {number}: {HEADINGS[number]}\n\n{caption}\n\n{table(header, lines)}"


def own_table(results: Results) -> str:
    """Give the variants that are not in the study, or say that there are none."""
    header = ("variant", "architecture", "scheduler", "augmentation", "batch size", "parameters", "epochs", "seeds")
    header += ("train", "validation", "test", "95 % interval")
    lines = []
    for name, outcome in results.outcomes.items():
        if outcome.published:
            continue
        recipe, ours = outcome.recipe, outcome.metrics
        validation = f"{ours['validation_accuracy']:.2f}" if "validation_accuracy" in ours else "none"
        lines.append(
            (
                *(f"`{name}`", recipe.architecture, recipe.scheduler, recipe.augmentation, recipe.batch_size),
                *(f"{ours['parameters']:,}", ours["epochs"], ours["seeds"], f"{ours['train_accuracy']:.2f}"),
                *(validation, accuracy(outcome), interval(own_interval(outcome), ".3f")),
            )
        )
    if not lines:
        return "Every variant of this run is a row of the study."
    note = (
        "In percent. The interval is Student's for the mean over seeds, on these test images; with one seed it is"
        " Wilson's, for other test images."
    )
    if set(CHAMPIONS) & results.outcomes.keys():
        note += " docs/recipe.md says how the champions were chosen, on held-out training images."
    return f"{table(header, lines)}\n\n{note}"
