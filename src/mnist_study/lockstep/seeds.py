"""All seeds of one variant: what `train.replica.train_one` gives of each."""

from collections.abc import Sequence
from pathlib import Path

from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep.loop import Report, train
from mnist_study.lockstep.training import Training
from mnist_study.train.messages import Note, Replica
from mnist_study.train.replica import require_gpu


def train_seeds(
    recipe: Recipe,
    seeds: Sequence[int],
    policy: Policy,
    training: Split,
    observed: dict[str, Split],
    report: Report,
    checkpoints: Sequence[Path] | None = None,
) -> list[Replica]:
    """Train the seeds together; `checkpoints` has a file for each, to resume from and to save to.

    The splits are on the processor. Raises UserError where a training does, or where a GPU is asked for and missing.
    """
    if recipe.device == "cuda":
        require_gpu(recipe)

    def note(text: str) -> None:
        report(Note(text))

    paths = checkpoints or [None] * len(seeds)
    trainings = [
        Training.begin(recipe, seed, policy, training, observed, path, note)
        for seed, path in zip(seeds, paths, strict=True)
    ]
    train(trainings, training, observed, report)
    return [each.replica() for each in trainings]
