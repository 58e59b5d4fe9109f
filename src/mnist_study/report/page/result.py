"""The top of the page: the result, and which variants reach the target."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from mnist_study.report.analysis.claims import Claim, Verdict
from mnist_study.report.analysis.intervals import mean_interval, wilson
from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.page.markdown import accuracy, count, interval, table
from mnist_study.report.results.outcomes import Outcome, Results


def result(results: Results, claims: Sequence[Claim]) -> str:
    """Give the result in a few sentences."""
    if not results.images.study:
        return _of_other_images(results)
    own = [f"- {_own(name, outcome)}" for name, outcome in results.outcomes.items() if not outcome.published]
    summary = results.summary()["study"]
    if not summary["variants"]:
        nothing = "**No variant of this run is a row of the published study, so there is nothing to compare.**"
        return "\n\n".join([nothing, "\n".join(own)])
    noise = noises(results)
    verdicts = Counter(verdict(against_published(row, noise.get(name))) for name, row in results.rows().items())
    best = results.outcomes[summary["best_variant"]]
    lines = [
        f"- {_overall(results)}{verdicts['agrees']} of {count(len(results.rows()), 'row')} agree with the published"
        f" figure (95 % interval); {verdicts['higher']} are higher, {verdicts['lower']} lower.",
        f"- The best row is `{summary['best_variant']}` with {accuracy(best)} % (95 % interval"
        f" {interval(wilson(summary['best_test_accuracy']))} for other test images); as the best of several it is"
        " biased upwards.",
        *own,
    ]
    reached = claims[0]
    at_target = reached.ours if reached.effect else summary["variants_at_target"]
    if any(claim.verdict != "not tested" for claim in claims):
        lines.append(f"- {_verdicts(claims)}")
    return (
        f"**{count(summary['variants'], 'row')} of the study, {count(summary['replicas'], 'network')} trained: mean"
        f" test accuracy {summary['mean_test_accuracy']:.3f} % here, {summary['published_mean_test_accuracy']:.3f} %"
        f" published; at {results.target.accuracy:.2f} % or more: here {at_target};"
        f" published {summary['published_variants_at_target']}.**\n\n" + "\n".join(lines)
    )


def _of_other_images(results: Results) -> str:
    """Give the best variant and the number of test images, then each variant."""
    name = results.leaderboard()[0]
    best = results.outcomes[name]
    images = f"{best.test_images:,} test images of {len(results.images.classes)} classes"
    first = f"**{count(len(results.outcomes), 'variant')} on {images}; the best is `{name}` with {accuracy(best)} %.**"
    lines = [f"- {_own(name, each, '')}" for name, each in results.outcomes.items()]
    return "\n\n".join([first, "\n".join(lines)])


def target(results: Results) -> str:
    """List the variants whose curve reaches the target within its limits, and where they end."""
    goal = results.target
    reached = {
        name: outcome
        for name, outcome in results.outcomes.items()
        if outcome.metrics.get("epochs_to_target", goal.epochs + 1) <= goal.epochs
        and outcome.metrics["parameters"] < goal.parameters
    }
    limits = f"{goal.accuracy:.2f} % within {goal.epochs} epochs and with fewer than {goal.parameters:,} parameters"
    theirs = sum(row.test_accuracy >= goal.accuracy for row in results.published.values())
    published = f" Of the {len(results.published)} published rows {theirs} have {goal.accuracy:.2f} % or more."
    if not results.images.study:
        published = ""
    if not reached:
        return f"No variant reaches {limits}.{published}"
    header = ("variant", "parameters", "published", "first epoch at target", "best epoch", "last epoch")
    header += ("seeds that end there", "mean at target")
    lines = [_line(name, outcome, goal.accuracy) for name, outcome in reached.items()]
    met = sum(line[-1] == "yes" for line in lines)
    return (
        f"{count(len(reached), 'variant')} of {len(results.outcomes)} reach {limits}; {met} of them are still there"
        f" after the last epoch, which is what counts here.{published} The epochs are those of the mean curve over"
        " seeds. The first epoch at the target and the best epoch were selected on the test images; they are shown for"
        " comparison only.\n\n" + table(header, lines)
    )


def _line(name: str, outcome: Outcome, goal: float) -> tuple[object, ...]:
    ours, row = outcome.metrics, outcome.published
    ending = sum(value >= goal for value in outcome.accuracies)
    return (
        *(f"`{name}`", f"{ours['parameters']:,}", f"{row.test_accuracy:.2f}" if row else "none"),
        *(ours["epochs_to_target"], f"{ours['best_epoch_test_accuracy']:.2f}", accuracy(outcome)),
        *(f"{ending} of {ours['seeds']}", "yes" if ours["test_accuracy"] >= goal else "no"),
    )


def _own(name: str, outcome: Outcome, what: str = " not in the study,") -> str:
    seeds = count(outcome.metrics["seeds"], "seed")
    return (
        f"`{name}`,{what} {outcome.metrics['parameters']:,} parameters: {accuracy(outcome)} % over {seeds}"
        f" (95 % interval {interval(own_interval(outcome), '.3f')} for other"
        f" {'seeds' if outcome.metrics['seeds'] > 1 else 'test images'})."
    )


def _overall(results: Results) -> str:
    """Give the mean difference over the rows, where there are two or more."""
    rows = [(o.metrics["test_accuracy"], o.published.test_accuracy) for o in results.rows().values() if o.published]
    if len(rows) < 2:
        return ""
    differences = [ours - theirs for ours, theirs in rows]
    ends = interval(mean_interval(differences), "+.3f")
    return (
        f"Mean difference, here less published: {sum(differences) / len(rows):+.3f} points (95 % interval {ends}, with"
        " the rows as a random sample). "
    )


def _verdicts(claims: Sequence[Claim]) -> str:
    counts = Counter(claim.verdict for claim in claims)
    parts = [f"{words}: {counts[words]}" for words in get_args(Verdict) if counts[words]]
    return f"The study's {len(claims)} [claims](#the-studys-claims), {'; '.join(parts)}."
