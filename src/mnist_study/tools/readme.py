"""The block of results in README.md, written from the metrics and the published table.

python -m mnist_study.tools.readme
"""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mnist_study.configure import document
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.report.analysis.intervals import (
    joint_intervals,
    mean_interval,
    pooled_noise,
    student_interval,
    verdict,
    wilson,
)
from mnist_study.report.page.markdown import count, interval
from mnist_study.report.page.published_tables import table_means
from mnist_study.report.results.metrics import CHAMPIONS
from mnist_study.report.results.outcomes import Published, read_published
from mnist_study.running import console

BEGIN, END = "<!-- results: `make readme` writes what stands here from metrics/ -->", "<!-- end of results -->"
NOTE = (
    "In percent, after the last epoch. The study does not say whether its figures are those of the last or of the best"
    " epoch, and has one run a row."
)

Metrics = dict[str, Any]


def main() -> None:
    """Write the block into README.md."""
    readme = Path("README.md")
    summary, variants = (json.loads(Path(f"metrics/{name}.json").read_text()) for name in ("summary", "variants"))
    goal = document.read(Path("params.yaml"))["target"]["accuracy"]
    block = results(summary, variants, read_published(Path("reference/published.csv")), goal)
    files.write(readme, replace(readme.read_text(), block).encode())


def replace(text: str, block: str) -> str:
    """Put the block between the two marks in README's text; raises UserError where a mark is missing."""
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"README.md: needs a line `{BEGIN}` and after it `{END}`")
    return f"{before}{begin}\n{block}\n\n{end}{after}"


def results(summary: Metrics, variants: Metrics, published: dict[str, Published], goal: float) -> str:
    """Sum up the results, in Markdown; `goal` is a test accuracy in percent.

    Raises UserError where a variant has the name of a published row and is not of its kind.
    """
    study = summary["study"]
    rows = [Row(variants[name], row) for name, row in published.items() if name in variants]
    if len(rows) != study["variants"]:
        raise UserError("params.yaml: a variant has the name of a published row and other settings; rename it")
    own = [_champion(name, variants[name]) for name in CHAMPIONS if name in summary]
    if not rows:
        return "\n\n".join(["**No row of the study is trained.**", *own])
    accuracies = {name: ours["test_accuracy"] for name, ours in variants.items()}
    points = [_agreement(rows), _best(study, variants[study["best_variant"]]), *own]
    return "\n\n".join(
        [_headline(study, rows, len(published), goal), "\n".join(points), table_means(published, accuracies), NOTE]
    )


@dataclass(frozen=True)
class Row:
    """A row of the study: its metrics here, and as published."""

    ours: Metrics
    published: Published


def _headline(study: Metrics, rows: list[Row], published: int, goal: float) -> str:
    differences = [row.ours["test_accuracy"] - row.published.test_accuracy for row in rows]
    apart = f"difference {fmean(differences):+.3f} points"
    if len(rows) > 1:
        apart += f", 95 % interval {interval(mean_interval(differences), '+.3f')}"
    at_goal = f"{count(study['variants_at_target'], 'row')} here, {_significant(rows, goal)}"
    return (
        f"**{len(rows)} of the study's {published} rows trained again, {count(study['replicas'], 'network')}: mean test"
        f" accuracy {study['mean_test_accuracy']:.3f} % here, {study['published_mean_test_accuracy']:.3f} % published"
        f" ({apart}). At {goal:.2f} % or more: {at_goal};"
        f" {study['published_variants_at_target']} published.**"
    )


def _significant(rows: list[Row], goal: float) -> str:
    """Count the rows that are significantly at the goal, as the report's first claim does."""
    spreads: dict[str, list[tuple[float, int]]] = {}
    for row in rows:
        spread = (row.ours.get("test_accuracy_sd", 0.0), row.ours["seeds"])
        spreads.setdefault(row.published.scheduler, []).append(spread)
    noises = {scheduler: noise for scheduler, found in spreads.items() if (noise := pooled_noise(found))}
    if noises.keys() != spreads.keys():
        return "of one seed each, so significance is not known"
    means = [(row.ours["test_accuracy"], row.ours["seeds"], noises[row.published.scheduler]) for row in rows]
    sure = sum(low >= goal for low, _ in joint_intervals(means))
    return f"{sure} of them significantly (95 % intervals for all rows at once)"


def _agreement(rows: list[Row]) -> str:
    verdicts = [verdict(row.ours["test_accuracy"], row.published.test_accuracy, row.ours["seeds"]) for row in rows]
    return (
        f"- {verdicts.count('agrees')} of {len(rows)} rows agree with the published figure (95 % interval);"
        f" {verdicts.count('higher')} higher here, {verdicts.count('lower')} lower."
    )


def _best(study: Metrics, ours: Metrics) -> str:
    mean = ours["test_accuracy"]
    return (
        f"- Best row: `{study['best_variant']}`, {mean:.2f} % over {count(ours['seeds'], 'seed')} (95 % interval"
        f" {interval(wilson(mean))} for other test images). As the best of several it is biased"
        " upwards."
    )


def _champion(name: str, ours: Metrics) -> str:
    mean, seeds = ours["test_accuracy"], ours["seeds"]
    if seeds > 1:
        known = f"{interval(student_interval(mean, ours['test_accuracy_sd'], seeds))} for other seeds"
    else:
        known = f"{interval(wilson(mean))} for other test images"
    return (
        f"- `{name}`, not in the study, {ours['parameters']:,} parameters: {mean:.2f} % over {count(seeds, 'seed')}"
        f" (95 % interval {known})."
    )


if __name__ == "__main__":
    with console.plain_errors():
        main()
