"""Gather what the variants came to, hold it against the published study, write metrics/ and reports/."""

from pathlib import Path

from mnist_study.report.results import misses, outcomes, probabilities, trained_on
from mnist_study.report.write import write_report
from mnist_study.running import console

TRAINING, EVALUATION, PREDICTIONS = (Path("results") / kind for kind in ("training", "evaluation", "predictions"))


def main() -> None:
    """Remove what variants that are gone left behind, then read those of build/plan.json and write the report."""
    target, names, images = outcomes.read_plan(Path("build/plan.json"))
    for path in outcomes.remove_leftovers(names, [TRAINING, EVALUATION, PREDICTIONS, Path("models")]):
        print(f"removed {path}: no variant has that name")
    results = outcomes.gather(
        target,
        names,
        images,
        recipes=Path("build/recipes"),
        networks=Path("build/networks.json"),
        training=TRAINING,
        evaluation=EVALUATION,
        published=Path("reference/published.csv"),
    )
    missed = misses.read(results.confusions(), PREDICTIONS, Path("data/mnist"), images.side)
    results = probabilities.measured(results, missed.labels, PREDICTIONS)
    write_report(results, missed, metrics_folder=Path("metrics"), reports=Path("reports"))
    trained_on.update(Path("metrics/trained_on.json"), names, recorded=Path("build/trained_on"), training=TRAINING)


if __name__ == "__main__":
    with console.plain_errors():
        main()
