"""The trainings of a run on a Ray cluster, and their results back by a DVC remote."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.tools import dvc, lockfile
from mnist_study.tools.parallel.display import display
from mnist_study.tools.parallel.plan import Job
from mnist_study.tools.parallel.ray import payload
from mnist_study.tools.parallel.ray.worker import LOGS, PROGRESS, TRAINED_ON, Outcome

LOCK = Path("dvc.lock")
CAME = Path("build/cluster")  # evaluations as workers tell them, for the display


def check(remote: str | None, dirty: bool) -> str:
    """Give the remote's name; raises UserError where a run on a cluster cannot begin."""
    if not importlib.util.find_spec("ray"):
        raise UserError("ray is not installed; `pip install -e '.[cluster]'` does it")
    if not remote:
        raise UserError("remote: none given; REMOTE=NAME names the DVC remote that all machines reach")
    url = dvc.remote_url(remote)
    if not url:
        raise UserError(f"remote: DVC knows none named {remote!r}; `dvc remote add --local {remote} URL` adds it")
    if "://" not in url and not Path(url).is_absolute():
        raise UserError(f"remote: {remote} is {url}, a folder of this checkout, which no worker sees")
    lockfile.read(LOCK)  # what workers send is added to it
    payload.check(dirty)
    return remote


def pull(remote: str) -> Job:
    """Give the job that fetches what dvc.lock names and the remote has."""
    return Job("pull", (("pull", "--allow-missing", "--force", "--remote", remote),))


def train(jobs: Sequence[Job], address: str, remote: str) -> dict[str, str]:
    """Run the jobs on the cluster, what comes of each in dvc.lock at once. Gives those that failed, and why."""
    from mnist_study.tools.parallel.ray import cluster  # ray is an extra

    cluster.connect(address)
    (CAME / "evaluation").mkdir(parents=True, exist_ok=True)
    with display(jobs, PROGRESS, CAME / "evaluation") as show:
        return cluster.run(jobs, payload.pack(), remote, PROGRESS, show, keep)


def keep(job: Job, outcome: Outcome) -> None:
    """Keep what a worker tells: its log and what it trained on, and where all went well its entries of dvc.lock."""
    files.write(LOGS / f"{job.name}.log", outcome.log.encode())
    if outcome.trained_on:
        files.write(TRAINED_ON / f"{job.name}.json", outcome.trained_on.encode())
    if not outcome.failure:
        files.write(CAME / "evaluation" / f"{job.name}.json", outcome.evaluation.encode())
        lockfile.merge(LOCK, outcome.lock)
