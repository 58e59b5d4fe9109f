"""Which variants reach the target, and how early."""

from mnist_study.report.page.markdown import accuracy, count, table
from mnist_study.report.results.outcomes import Outcome, Results


def reached(results: Results) -> dict[str, Outcome]:
    """Give the variants whose mean curve reaches the target within its limits."""
    goal = results.target
    return {
        name: outcome
        for name, outcome in results.outcomes.items()
        if outcome.metrics.get("epochs_to_target", goal.epochs + 1) <= goal.epochs
        and outcome.metrics["parameters"] < goal.parameters
    }


def target_sentence(results: Results) -> str:
    """Count the variants that reach the target, and those that are still there after the last epoch."""
    goal, there = results.target, reached(results)
    limits = f"{goal.accuracy:.2f} % within {goal.epochs} epochs and with fewer than {goal.parameters:,} parameters"
    theirs = sum(row.test_accuracy >= goal.accuracy for row in results.published.values())
    published = f" Of the {len(results.published)} published rows {theirs} have {goal.accuracy:.2f} % or more."
    if not results.published:
        published = ""
    if not there:
        return f"No variant reaches {limits}.{published}"
    met = sum(outcome.metrics["test_accuracy"] >= goal.accuracy for outcome in there.values())
    return (
        f"{count(len(there), 'variant')} of {len(results.outcomes)} reach {limits}; {met} of them are still there after"
        f" the last epoch, which is what counts here.{published}"
    )


def target_table(results: Results) -> str:
    """List these variants, with their first epoch at the target and where they end."""
    header = ("variant", "parameters", *(["published"] if results.published else []), "first epoch at target")
    header += ("best epoch", "last epoch", "seeds that end there", "mean at target")
    return table(header, [_line(name, each, results) for name, each in reached(results).items()])


def _line(name: str, outcome: Outcome, results: Results) -> tuple[object, ...]:
    ours, row, goal = outcome.metrics, outcome.published, results.target.accuracy
    ending = sum(value >= goal for value in outcome.accuracies)
    published = [f"{row.test_accuracy:.2f}" if row else "none"] if results.published else []
    return (
        *(f"`{name}`", f"{ours['parameters']:,}", *published),
        *(ours["epochs_to_target"], f"{ours['best_epoch_test_accuracy']:.2f}", accuracy(outcome)),
        *(f"{ending} of {ours['seeds']}", "yes" if ours["test_accuracy"] >= goal else "no"),
    )
