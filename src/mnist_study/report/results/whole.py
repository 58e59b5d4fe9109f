"""All that the stages left, read and checked together."""

from pathlib import Path

from mnist_study.report.results import misses, outcomes, probabilities
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Images, Plan, Results


def read(
    plan: Plan, images: Images, *, build: Path, results: Path, reference: Path, mnist: Path
) -> tuple[Results, Misses]:
    """Gather the results with every metric, and what the networks miss of the images in the folder `mnist`.

    Raises UserError naming a file that is missing, damaged or of another variant.
    """
    gathered = outcomes.gather(plan, images, build=build, results=results, reference=reference)
    missed = misses.read(gathered.confusions(), results / "predictions", mnist, images.side)
    return probabilities.measured(gathered, missed.labels, results / "predictions"), missed
