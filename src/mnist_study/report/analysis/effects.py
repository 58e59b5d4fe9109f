"""The effect of each change on test accuracy, by the same two models for our networks and for the published figures."""

from collections.abc import Iterable, Mapping

from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.factorial import Fit, Run, fit_design
from mnist_study.report.results.outcomes import Results
from mnist_study.report.results.reference import Published


def of_results(results: Results) -> dict[str, Fit]:
    """Fit our networks, by the design's title; a design is left out unless all of its rows are trained."""
    return fits(
        run(name, results.published[name], replica["seed"], replica["test_accuracy"])
        for name, outcome in results.rows().items()
        for replica in outcome.evaluation["replicas"]
    )


def of_epoch(results: Results, epoch: int) -> dict[str, Fit]:
    """Fit our networks as they were after an earlier epoch (the first is 1)."""
    return fits(
        run(name, results.published[name], replica["seed"], replica["history"][epoch - 1]["test_accuracy"])
        for name, outcome in results.rows().items()
        for replica in outcome.training["replicas"]
        if len(replica["history"]) >= epoch
    )


def of_published(rows: Mapping[str, Published]) -> dict[str, Fit]:
    """Fit the published figures, one per row, each a run of its own."""
    return fits(run(name, row, place, row.test_accuracy) for place, (name, row) in enumerate(rows.items()))


def fits(runs: Iterable[Run]) -> dict[str, Fit]:
    """Fit each design whose rows are all there."""
    runs = list(runs)
    return {design.title: fit for design in DESIGNS if (fit := fit_design(design, runs))}


def run(variant: str, row: Published, seed: int, accuracy: float) -> Run:
    """Give one network of a row."""
    return Run(
        variant=variant,
        table=row.table,
        architecture=row.architecture,
        dropout="yes" if row.dropout else "no",
        scheduler=row.scheduler,
        augmentation=row.augmentation,
        batch_size=str(row.batch_size),
        seed=str(seed),
        accuracy=accuracy,
    )
