"""The display of a parallel run: a bar for all and one for each running job, or plain lines without a terminal."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mnist_study.tools.parallel.plan import Job

COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(bar_width=20),
    TextColumn("{task.fields[text]}", markup=False),
    TimeRemainingColumn(),
)
PACE = 300.0  # seconds whose pace tells the time that is left
EVERY = 60.0  # seconds between two lines on how far a cluster is, without a terminal


class Display:
    """Shows jobs as they run; `bars` is None where there is no terminal.

    `progress` is the folder of the files that `train` writes, `evaluation` that of the results.
    """

    def __init__(self, jobs: Sequence[Job], progress: Path, evaluation: Path, bars: Progress | None) -> None:
        self.progress, self.evaluation, self.bars = progress, evaluation, bars
        self.variants = sum(job.work > 0 for job in jobs)
        self.done = self.failed = 0
        self.where: dict[Job, str] = {}  # the node of each running job, on a cluster
        self.said = self.start = time.monotonic()
        self.shares = dict.fromkeys(jobs, 0.0)  # how much of each job is done
        self.began: dict[Job, float] = {}
        self.tasks: dict[Job, TaskID] = {}
        work = sum(job.work for job in jobs)
        self.all = bars.add_task("all", total=work, text="") if bars and self.variants else None

    def started(self, job: Job, where: str = "") -> None:
        """Show that a job begins, on a cluster where; there it may begin again on another node."""
        self._file(job).unlink(missing_ok=True)  # that of a training that was killed
        again = " again" if job in self.began else ""
        self.began[job] = time.monotonic()
        if where:
            self.where[job] = where
        place = f" on {where}" if where else ""
        if not self.bars:
            self._print(f"{job.name}: started{again}{place}")
        elif again:
            self.bars.update(self.tasks[job], description=f"{job.name}{place}")
        else:
            total = 1.0 if job.work else None
            self.tasks[job] = self.bars.add_task(f"{job.name}{place}", total=total, text="")

    def look(self) -> None:
        """Show how far the running jobs are, by what `train` last wrote about itself."""
        if not self.bars and not self.where:
            return
        for job in [*self.tasks, *(job for job in self.where if job not in self.tasks)]:
            with suppress(FileNotFoundError):  # before and after the training
                status = json.loads(self._file(job).read_text())
                self.shares[job] = status["done"] / status["total"]
                if self.bars:
                    self.bars.update(self.tasks[job], completed=self.shares[job], text=line(status))
        done = sum(share * job.work for job, share in self.shares.items())
        if self.bars:
            if self.all is not None:
                self.bars.update(self.all, completed=done, text=self._summary())
            self.bars.refresh()
        elif time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            rest = sum(job.work for job in self.shares) - done
            left = f", {timedelta(seconds=round((self.said - self.start) * rest / done))} left" if done else ""
            self._print(self._summary() + left)

    def ended(self, job: Job, failure: str | None) -> None:
        """Show that a job is done, or why it failed."""
        self.shares[job] = 1.0
        self.where.pop(job, None)
        if self.bars and job in self.tasks:
            self.bars.remove_task(self.tasks.pop(job))
        took = timedelta(seconds=round(time.monotonic() - self.began.get(job, time.monotonic())))
        if failure:
            self.failed += 1
            self._print(f"{job.name}: failed after {took}: {failure}")
        elif job.work:
            self.done += 1
            self._print(f"{job.name}: done in {took}, {self._accuracy(job):.2f} %, {self.done} of {self.variants}")
        else:
            self._print(f"{job.name}: done in {took}")

    def _summary(self) -> str:
        """Say how far all is; on a cluster also what failed and how many run on each node."""
        text = f"{self.done} of {self.variants} variants"
        if self.where:
            nodes = Counter(self.where.values())
            text += f", {self.failed} failed, running: " + ", ".join(
                f"{node} {count}" for node, count in sorted(nodes.items())
            )
        return text

    def _file(self, job: Job) -> Path:
        return self.progress / f"{job.name}.json"

    def _accuracy(self, job: Job) -> float:
        replicas = json.loads((self.evaluation / f"{job.name}.json").read_text())["replicas"]
        return mean(replica["test_accuracy"] for replica in replicas)

    def _print(self, text: str) -> None:
        if self.bars:
            self.bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)


def line(status: dict[str, Any]) -> str:
    """Say how a training gets on."""
    accuracy = f"{status['test_accuracy']:.2f} %  " if status["test_accuracy"] is not None else ""
    return f"epoch {status['epoch']}/{status['epochs']}  {accuracy}{status['images_per_second']:,.0f} images/s"


@contextmanager
def display(jobs: Sequence[Job], progress: Path, evaluation: Path) -> Iterator[Display]:
    """Show the jobs while they run."""
    console = Console()
    if not console.is_terminal:
        yield Display(jobs, progress, evaluation, None)
        return
    with Progress(*COLUMNS, console=console, auto_refresh=False, speed_estimate_period=PACE) as bars:
        yield Display(jobs, progress, evaluation, bars)
