"""Many jobs, several at once."""

import time
from collections.abc import Sequence
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.tools.parallel import local
from mnist_study.tools.parallel.display import Display
from mnist_study.tools.parallel.plan import Job

SECONDS = 0.2  # between two looks at what runs


def run(jobs: Sequence[Job], most: int, logs: Path, workers: int, show: Display) -> dict[str, str]:
    """Run the jobs here, at most so many at once, their logs in a folder; a failure stops no other job.

    Gives the names of the jobs that failed, and why. Whatever ends this, nothing that it started goes on.
    """
    waiting, running, failed = list(jobs), {}, {}
    try:
        while waiting or running:
            while waiting and len(running) < most:
                job = waiting.pop(0)
                show.started(job)
                running[job] = local.Running(job, logs / f"{job.name}.log", workers)
            time.sleep(SECONDS)
            for job, here in list(running.items()):
                try:
                    if not here.ended():
                        continue
                except (UserError, OSError) as error:
                    failed[job.name] = str(error)
                del running[job]
                show.ended(job, failed.get(job.name))
            show.look()
    finally:
        local.stop(running.values())
    return failed
