"""The page of the report, in Markdown: what was run, how it compares with the published study, who met the target."""

from collections.abc import Collection, Iterable, Sequence

from mnist_study.outcomes import Outcome, Study
from mnist_study.statistics import TEST_IMAGES, difference_interval, mean_interval, verdict, wilson

# The headings of the published tables, as the study has them.
HEADINGS = {
    1: "Vanilla Network",
    2: "Network with dropout",
    3: "Network with GAP and transition layer + FC",
    4: "Network with GAP and transition layer without FC",
    5: "Network with GAP and transition layer - (2 Max Pools & GAP at 3x3)",
    6: "Network with GAP and transition layer - (1 Max Pools & GAP at 6x6)",
}
CAPTIONS = {
    "learning_curves": (
        "Test accuracy after each epoch, mean over seeds; the dashed line is the target. Colours are schedulers, or"
        " variants where the study has no such row. Dotted: not augmented; thin: batch size 128. In tables 5 and 6 a"
        " network with and without dropout look alike; `plots/learning_curves.csv` has every number."
    ),
    "against_published": (
        "Each point is a row of the study. Above the diagonal the network trained here does better; inside the band two"
        " single runs may differ by chance alone. The dashed lines are the target."
    ),
    "confusion": (
        "Test images of the variant with the highest test accuracy, first seed. Only the misses are coloured."
    ),
}
TITLES = {
    "learning_curves": "Learning curves",
    "against_published": "Here against published",
    "confusion": "Confusion matrix of the best variant",
}


def write(study: Study, figures: Collection[str]) -> str:
    """Write the page; `figures` names the pictures that stand in figures/ beside it."""
    tables = [published_table(study, number) for number in HEADINGS]
    sections = [
        "# Tiny MNIST networks, trained again",
        introduction(study),
        result(study),
        "## The target",
        target(study),
        *(f"## {TITLES[name]}\n\n![{TITLES[name]}](figures/{name}.svg)\n\n{CAPTIONS[name]}" for name in figures),
        *(table for table in tables if table),
        own_table(study),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def introduction(study: Study) -> str:
    """Say what the page is and how to read its numbers."""
    return (
        "`dvc repro` wrote this page. A published study trained 60 small networks on MNIST's 60,000 training images and"
        f" looked for {study.target.accuracy:.2f} % on the {TEST_IMAGES:,} test images. Here rows of it are trained"
        " again from one recipe, since the study leaves out the optimiser, the learning rate and the strength of the"
        " augmentation. *Accuracy here* is that of the weights after the last epoch, mean over seeds; the test images"
        " did not choose the epoch, and docs/log.md says where the recipe comes from. Whether the published figures are"
        " of the last or of the best epoch is not known, so they may hold a little more luck than ours."
    )


def result(study: Study) -> str:
    """Give the result in a few sentences."""
    summary = study.summary()["study"]
    if not summary["variants"]:
        return "**No variant of this run is a row of the published study, so there is nothing to compare.**"
    verdicts = [_verdict(outcome) for outcome in study.outcomes.values() if outcome.published]
    accuracy = summary["best_test_accuracy"]
    return (
        f"**{_count(summary['variants'], 'row')} of the study, {_count(summary['replicas'], 'network')} trained: mean"
        f" test accuracy {summary['mean_test_accuracy']:.3f} % here, {summary['published_mean_test_accuracy']:.3f} %"
        f" published; at {study.target.accuracy:.2f} % or more: {summary['variants_at_target']} here,"
        f" {summary['published_variants_at_target']} published.**"
        f" Row by row, {verdicts.count('within noise')} differ within noise, {verdicts.count('higher')} are higher here"
        f" and {verdicts.count('lower')} lower. The best row is `{summary['best_variant']}` with"
        f" {_accuracy(study.outcomes[summary['best_variant']])} % (95 % interval {_interval(wilson(accuracy))} for"
        " other test images); being the best of several, it owes some of that to luck."
    )


def target(study: Study) -> str:
    """List the variants whose curve touches the target within its limits, and what they have in the end."""
    goal = study.target
    reached = [
        (name, outcome)
        for name, outcome in study.outcomes.items()
        if outcome.metrics.get("epochs_to_target", goal.epochs + 1) <= goal.epochs
        and outcome.metrics["parameters"] < goal.parameters
    ]
    limits = f"{goal.accuracy:.2f} % within {goal.epochs} epochs and with fewer than {goal.parameters:,} parameters"
    if not reached:
        return f"No variant reaches {limits}."
    met = [o for _, o in reached if o.metrics["test_accuracy"] >= goal.accuracy and o.metrics["epochs"] <= goal.epochs]
    lines = [
        (
            f"`{name}`",
            f"{outcome.metrics['parameters']:,}",
            outcome.metrics["epochs"],
            outcome.metrics["epochs_to_target"],
            f"{outcome.metrics['best_epoch_test_accuracy']:.2f}",
            _accuracy(outcome),
            "yes" if outcome in met else "no",
        )
        for name, outcome in reached
    ]
    header = ("variant", "parameters", "epochs", "first epoch at target", "best epoch", "last epoch", "target met")
    return (
        f"{_count(len(reached), 'variant')} of {len(study.outcomes)} touch {limits}; {len(met)} of them still hold it"
        " after the last epoch, which is what counts here. The first epoch at the target and the best epoch were"
        " picked by looking at the test images, and are shown for comparison only.\n\n" + _markdown(header, lines)
    )


def published_table(study: Study, number: int) -> str:
    """Give one published table with ours beside it, or nothing where no row of it was trained."""
    header = ("variant", "scheduler", "augmentation", "batch size", "published train", "published test")
    header += ("train here", "test here", "difference", "95 % interval", "verdict")
    lines = []
    for name, outcome in study.outcomes.items():
        row, recipe, ours = outcome.published, outcome.recipe, outcome.metrics
        if row is None or row.table != number:
            continue
        interval = difference_interval(ours["test_accuracy"], row.test_accuracy, ours["seeds"])
        lines.append(
            (
                *(f"`{name}`", recipe.scheduler, recipe.augmentation, recipe.batch_size),
                *(f"{row.train_accuracy:g}", f"{row.test_accuracy:g}", f"{ours['train_accuracy']:.2f}"),
                *(_accuracy(outcome), f"{ours['test_accuracy'] - row.test_accuracy:+.2f}"),
                *(_interval(interval, sign="+"), _verdict(outcome)),
            )
        )
    if not lines:
        return ""
    note = (
        "In percent; ± is the standard deviation over seeds. The interval is that of the difference of two proportions"
        f" of {TEST_IMAGES:,} images. Where it holds 0 the verdict is *within noise*; chance alone puts up to one row"
        " in twenty outside."
    )
    return f"## Table {number}: {HEADINGS[number]}\n\n{_markdown(header, lines)}\n\n{note}"


def own_table(study: Study) -> str:
    """Give the variants that the study does not have, or nothing."""
    header = ("variant", "architecture", "scheduler", "augmentation", "batch size", "parameters", "epochs", "seeds")
    header += ("train", "validation", "test", "95 % interval")
    lines = []
    for name, outcome in study.outcomes.items():
        if outcome.published:
            continue
        recipe, ours = outcome.recipe, outcome.metrics
        validation = f"{ours['validation_accuracy']:.2f}" if "validation_accuracy" in ours else "none"
        accuracies = [replica["test_accuracy"] for replica in outcome.evaluation["replicas"]]
        interval = mean_interval(accuracies) if len(accuracies) > 1 else wilson(accuracies[0])
        lines.append(
            (
                *(f"`{name}`", recipe.architecture, recipe.scheduler, recipe.augmentation, recipe.batch_size),
                *(f"{ours['parameters']:,}", ours["epochs"], ours["seeds"], f"{ours['train_accuracy']:.2f}"),
                *(validation, _accuracy(outcome), _interval(interval)),
            )
        )
    if not lines:
        return ""
    note = (
        "In percent. The interval is Student's for the mean over seeds, on these test images; with one seed it is"
        " Wilson's, for other test images."
    )
    return f"## Not in the study\n\n{_markdown(header, lines)}\n\n{note}"


def _verdict(outcome: Outcome) -> str:
    assert outcome.published
    return verdict(outcome.metrics["test_accuracy"], outcome.published.test_accuracy, outcome.metrics["seeds"])


def _accuracy(outcome: Outcome) -> str:
    ours = outcome.metrics
    if "test_accuracy_sd" not in ours:
        return f"{ours['test_accuracy']:.2f}"
    return f"{ours['test_accuracy']:.3f} ± {ours['test_accuracy_sd']:.3f}"


def _interval(interval: tuple[float, float], sign: str = "") -> str:
    return " to ".join(f"{end:{sign}.2f}" for end in interval)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _markdown(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
