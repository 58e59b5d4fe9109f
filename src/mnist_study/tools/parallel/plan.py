"""What is to be done: a job for each stale variant, and how many jobs at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil

from mnist_study.core.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """`dvc` commands to run one after another.

    `work`, in epochs times seeds, is what a variant takes beside others; it is zero for all that is no variant.
    `seeds` is the number of networks that it trains, zero where it trains none; `gpu` tells whether on a GPU.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    work: int = 0
    seeds: int = 0
    gpu: bool = False


BEFORE = Job("transforms", (("repro", "transforms"),))  # DVC adds what these need: all that comes before a training
REST = Job("report", (("repro",),))


def stale(status: Collection[str], recipes: Sequence[Recipe]) -> list[Job]:
    """Make a job of each variant of which `dvc status` names a stage, the longest job first, so that none waits for it.

    Where the training is stale, the evaluation will be, though `dvc status` does not know it yet.
    """
    jobs = []
    for recipe in recipes:
        train, evaluate = (f"{stage}@{recipe.variant}" for stage in ("train", "evaluate"))
        if train in status:
            seeds, gpu = len(recipe.seeds), recipe.device == "cuda"
            jobs.append(Job(recipe.variant, (single(train), single(evaluate)), recipe.epochs * seeds, seeds, gpu))
        elif evaluate in status:
            jobs.append(Job(recipe.variant, (single(evaluate),), 1))
    return sorted(jobs, key=lambda job: -job.work)


def single(stage: str) -> tuple[str, ...]:
    """Give the command that runs one stage, where it is stale, and none that it needs."""
    return "repro", "--single-item", stage


def at_once(seeds: Sequence[int], cores: int) -> int:
    """Choose how many variants to train at once on so many cores, which they share; `seeds` has the number of each.

    One at a time, all cores at its seeds, is what `dvc repro` does, and at times the quickest.
    """

    def rounds(jobs: int) -> int:
        return ceil(len(seeds) / jobs) * ceil(max(seeds, default=1) / (cores // jobs))

    return min(range(1, cores + 1), key=lambda jobs: (rounds(jobs), -jobs))
