"""How a study shows itself: a bar for all and one for each running job, or plain lines without a terminal."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mnist_study.study.plan import Job

COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(bar_width=20),
    TextColumn("{task.fields[text]}", markup=False),
    TimeRemainingColumn(),
)
PACE = 300.0  # seconds whose pace tells the time that is left


class Display:
    """Shows jobs as they run; `bars` is None where there is no terminal.

    `progress` is the folder of the files that `train` writes, `evaluation` that of the results.
    """

    def __init__(self, jobs: Sequence[Job], progress: Path, evaluation: Path, bars: Progress | None) -> None:
        self.progress, self.evaluation, self.bars = progress, evaluation, bars
        self.variants = sum(job.work > 0 for job in jobs)
        self.done = 0
        self.shares = dict.fromkeys(jobs, 0.0)  # how much of each job is done
        self.began: dict[Job, float] = {}
        self.tasks: dict[Job, TaskID] = {}
        work = sum(job.work for job in jobs)
        self.all = bars.add_task("all", total=work, text="") if bars and self.variants else None

    def started(self, job: Job) -> None:
        """Show that a job begins."""
        self._file(job).unlink(missing_ok=True)  # that of a training that was killed
        self.began[job] = time.monotonic()
        if self.bars:
            self.tasks[job] = self.bars.add_task(job.name, total=1.0 if job.work else None, text="")
        else:
            self._print(f"{job.name}: started")

    def look(self) -> None:
        """Show how far the running jobs are, by what `train` last wrote about itself."""
        if not self.bars:
            return
        for job, task in self.tasks.items():
            with suppress(FileNotFoundError):  # before and after the training
                status = json.loads(self._file(job).read_text())
                self.shares[job] = status["done"] / status["total"]
                self.bars.update(task, completed=self.shares[job], text=line(status))
        if self.all is not None:
            done = sum(share * job.work for job, share in self.shares.items())
            self.bars.update(self.all, completed=done, text=f"{self.done} of {self.variants} variants")
        self.bars.refresh()

    def ended(self, job: Job, failure: str | None) -> None:
        """Show that a job is done, or why it failed."""
        self.shares[job] = 1.0
        if self.bars:
            self.bars.remove_task(self.tasks.pop(job))
        took = timedelta(seconds=round(time.monotonic() - self.began[job]))
        if failure:
            self._print(f"{job.name}: failed after {took}: {failure}")
        elif job.work:
            self.done += 1
            self._print(f"{job.name}: done in {took}, {self._accuracy(job):.2f} %, {self.done} of {self.variants}")
        else:
            self._print(f"{job.name}: done in {took}")

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
