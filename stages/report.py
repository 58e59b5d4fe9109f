"""Gather what the variants came to, hold it against the published study, write metrics/ and reports/."""

from pathlib import Path

from mnist_study.report.results import outcomes, trained_on, whole
from mnist_study.report.write import write_report
from mnist_study.running import console

TRAINING, EVALUATION, PREDICTIONS, ROBUSTNESS = (
    Path("results", kind) for kind in ("training", "evaluation", "predictions", "robustness")
)


def main() -> None:
    """Remove what variants that are gone left behind, then read those of build/plan.json and write the report."""
    plan, images = outcomes.read_plan(Path("build/plan.json")), outcomes.read_images(Path("build/images.json"))
    leftovers = outcomes.remove_leftovers(plan.variants, [TRAINING, EVALUATION, PREDICTIONS, Path("models")])
    for path in [*leftovers, *outcomes.remove_leftovers(plan.champions, [ROBUSTNESS])]:
        print(f"removed {path}: no {'champion' if path.parent == ROBUSTNESS else 'variant'} has that name")
    folders = {"build": Path("build"), "results": Path("results"), "reference": Path("reference")}
    results, missed = whole.read(plan, images, **folders, mnist=Path("data/mnist"))
    write_report(results, missed, metrics_folder=Path("metrics"), reports=Path("reports"))
    trained_on.update(
        Path("metrics/trained_on.json"), plan.variants, recorded=Path("build/trained_on"), training=TRAINING
    )


if __name__ == "__main__":
    with console.plain_errors():
        main()
