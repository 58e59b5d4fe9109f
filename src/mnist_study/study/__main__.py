"""Run what is stale, several variants at once: what `dvc repro` does, to the same dvc.lock and results."""

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mnist_study import replicas
from mnist_study.console import plain_errors
from mnist_study.errors import StudyError
from mnist_study.recipe import Recipe
from mnist_study.study import lockfile, plan
from mnist_study.study.display import display
from mnist_study.study.local import DVC
from mnist_study.study.plan import Job
from mnist_study.study.runner import run

BUILD, EVALUATION = Path("build"), Path("results/evaluation")


def main(arguments: list[str] | None = None) -> None:
    """Run what comes before the variants, then the stale variants, then the rest.

    Raises StudyError with a line for each job that failed; then nothing runs that would train those again.
    """
    parser = argparse.ArgumentParser(prog="python -m mnist_study.study", description=__doc__)
    parser.add_argument("--jobs", type=int, help="variants at once; without it, as many as is quickest")
    given = parser.parse_args(arguments).jobs
    if given is not None and given < 1:
        raise StudyError(f"jobs: {given} given; allowed is a whole number from 1")

    go([plan.BEFORE], 1, "no variant was begun")
    variants = json.loads((BUILD / "study.json").read_text())["variants"]
    recipes = [Recipe.read(BUILD / "recipes" / f"{variant}.json") for variant in variants]
    jobs = plan.stale(status(), recipes)
    names = {job.name for job in jobs}
    most = given or plan.at_once([len(each.seeds) for each in recipes if each.variant in names], replicas.workers())
    print(f"{len(jobs)} of {len(variants)} variants to train or evaluate, {most} at once", flush=True)
    try:
        go(jobs, most, "all other variants are done; the report was not run")
    finally:
        lockfile.put_in_order(Path("dvc.lock"), variants)
    go([plan.REST], 1, "all variants are done")


def go(jobs: Sequence[Job], most: int, so_far: str) -> None:
    """Run jobs here and show them; raises StudyError with a line for each that failed, then how far all is."""
    workers = max(1, replicas.workers() // max(1, min(most, len(jobs))))
    with display(jobs, BUILD / "progress", EVALUATION) as show:
        failed = run(jobs, most, BUILD / "logs", workers, show)
    if failed:
        raise StudyError("\n".join([*(f"{name}: {why}" for name, why in failed.items()), so_far]))


def status() -> dict[str, object]:
    """Ask DVC what is stale: a key for each such stage."""
    command = [*DVC, "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nothing of a user's
    if done.returncode:
        raise StudyError(f"dvc status: {done.stderr.strip()}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    with plain_errors():
        main()
