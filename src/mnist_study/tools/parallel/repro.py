"""Run what is stale, several variants at once: what `dvc repro` does, to the same dvc.lock and results."""

import json
from collections.abc import Sequence
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.running import pool
from mnist_study.tools import dvc, lockfile
from mnist_study.tools.parallel import plan
from mnist_study.tools.parallel.display import display
from mnist_study.tools.parallel.plan import Job
from mnist_study.tools.parallel.ray import driver
from mnist_study.tools.parallel.runner import run

BUILD, EVALUATION = Path("build"), Path("results/evaluation")


def repro(
    jobs: int | None, ray: str | None = None, remote: str | None = None, *, dirty: bool = False, gpu: bool = False
) -> None:
    """Run what comes before the variants, then the stale variants, `jobs` at once, then the rest.

    With the address of a Ray cluster, variants train there; with `gpu`, those of engine `exact` on this machine's GPU.
    Raises UserError with a line for each job that failed; then nothing runs that would train those again.
    """
    shared = driver.check(remote, dirty) if ray else None

    run_jobs([plan.BEFORE], 1, "no variant was begun")
    variants = json.loads((BUILD / "plan.json").read_text())["variants"]
    recipes = [Recipe.read(BUILD / "recipes" / f"{variant}.json") for variant in variants]
    if ray and shared:
        train_away(ray, shared, recipes)
    stale = plan.stale(dvc.status(), recipes)
    if gpu:
        from mnist_study.tools.parallel.gpu import train  # loads torch

        training = {job.name for job in stale if job.seeds}
        train([recipe for recipe in recipes if recipe.variant in training])
    names = {job.name for job in stale}
    most = jobs or plan.at_once([len(each.seeds) for each in recipes if each.variant in names], pool.workers())
    print(f"{len(stale)} of {len(variants)} variants to train or evaluate, {most} at once", flush=True)
    try:
        run_jobs(stale, most, "all other variants are done; the report was not run")
    finally:
        lockfile.put_in_order(Path("dvc.lock"), variants)
    run_jobs([plan.REST], 1, "all variants are done")


def run_jobs(jobs: Sequence[Job], most: int, so_far: str) -> None:
    """Run jobs here and show them; raises UserError with a line for each that failed, then how far all is."""
    workers = max(1, pool.workers() // max(1, min(most, len(jobs))))
    with display(jobs, BUILD / "progress", EVALUATION) as show:
        failed = run(jobs, most, BUILD / "logs", workers, show)
    end_if(failed, so_far)


def end_if(failed: dict[str, str], so_far: str) -> None:
    """Raise UserError with a line for each job that failed, if any did, then how far all is."""
    if failed:
        raise UserError("\n".join([*(f"{name}: {why}" for name, why in failed.items()), so_far]))


def train_away(address: str, remote: str, recipes: Sequence[Recipe]) -> None:
    """Train what is stale on a cluster; evaluations alone are quicker here than sent. Nothing is trained here."""
    run_jobs([driver.pull(remote)], 1, "no variant was begun")
    jobs = [job for job in plan.stale(dvc.status(), recipes) if job.seeds]
    print(f"{len(jobs)} of {len(recipes)} variants to train on the cluster", flush=True)
    if not jobs:
        return
    try:
        failed = driver.train(jobs, address, remote)
    finally:
        lockfile.put_in_order(Path("dvc.lock"), [recipe.variant for recipe in recipes])
    run_jobs([driver.pull(remote)], 1, "what workers did is in the remote; the report was not run")
    left = {job.name: "its results are not in the remote" for job in plan.stale(dvc.status(), recipes) if job.seeds}
    end_if(left | failed, "all other variants are done; the report was not run")
