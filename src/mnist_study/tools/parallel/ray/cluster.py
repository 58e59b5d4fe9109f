"""The jobs of a run as tasks of a Ray cluster. Nothing else here knows of Ray."""

import platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import mnist_study
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.running.console import SIGNALS
from mnist_study.tools.parallel.display import Display
from mnist_study.tools.parallel.plan import Job
from mnist_study.tools.parallel.ray import worker
from mnist_study.tools.parallel.ray.payload import Payload

RETRIES = 3  # of a job whose node or worker died, or whose checkout could not be made
SECONDS = 1.0  # between two looks at what the workers say
ANSWER = 60.0  # seconds until the cluster counts as gone


class Board:
    """An actor beside the driver, on which workers write what they do: by job its node and what `train` last said."""

    def __init__(self) -> None:
        self.news: dict[str, tuple[str, str]] = {}

    def say(self, job: str, where: str, status: str) -> None:
        """Note where a job is and how far."""
        self.news[job] = where, status

    def read(self) -> dict[str, tuple[str, str]]:
        """Give what is new since the last time."""
        news, self.news = self.news, {}
        return news


def work(job: Job, payload: Sequence[Any], name: str, remote: str, workers: int, board: Any) -> worker.Outcome:  # noqa: ANN401 - Ray's handles have no types
    """Run a job on the node that Ray chose. `payload` holds a reference: only the first task of a node fetches it."""
    here = ray.get_runtime_context().get_node_id()
    where = f"{platform.node()}-{here[:4]}"
    board.say.remote(job.name, where, "")
    folder = worker.checkout(job, worker.home(name, here), lambda: ray.get(payload[0]))
    return worker.work(job, folder, remote, workers, where, lambda status: board.say.remote(job.name, where, status))


def run(
    jobs: Sequence[Job],
    payload: Payload,
    remote: str,
    progress: Path,
    show: Display,
    keep: Callable[[Job, worker.Outcome], None],
) -> dict[str, str]:
    """Run the jobs on the cluster; `keep` is given each outcome. Gives the names of the jobs that failed, and why.

    Whatever ends this, Ray ends what it started. Checkouts of an unfinished run stay: training goes on in them.
    """
    failed: dict[str, str] = {}
    with _signals_held_back():
        board = _beside().remote()
        tasks = _submit(jobs, payload, remote, board)
    while tasks:
        time.sleep(SECONDS)
        with _signals_held_back():
            running = {job.name: job for job in tasks.values()}
            for name, (where, status) in _news(board).items():
                if name not in running:
                    continue  # late: it has ended
                if show.where.get(running[name]) != where:
                    show.started(running[name], where)
                if status:
                    files.write(progress / f"{name}.json", status.encode())
            done, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
            for task in done:
                job = tasks.pop(task)
                if failure := _end(task, job, keep):
                    failed[job.name] = failure
                show.ended(job, failure)
            show.look()
    if not failed:
        with _signals_held_back():
            _tidy(payload.name)
    return failed


def _tidy(name: str) -> None:
    """Remove the checkouts from all nodes; a node that does not answer in time keeps its own."""
    nodes = [each["NodeID"] for each in ray.nodes() if each["Alive"]]
    there = [NodeAffinitySchedulingStrategy(each, soft=True) for each in nodes]
    tidy = ray.remote(worker.tidy)
    tasks = [tidy.options(num_cpus=0, scheduling_strategy=each).remote(name) for each in there]
    ray.wait(tasks, num_returns=len(tasks), timeout=ANSWER)


def _submit(jobs: Sequence[Job], payload: Payload, remote: str, board: Any) -> dict[Any, Job]:  # noqa: ANN401 - Ray's handles have no types
    """Make a task of each job, of as many CPUs as it has replicas, but of no more than the largest node has."""
    largest = max((int(each["Resources"].get("CPU", 0)) for each in ray.nodes() if each["Alive"]), default=1)
    sent, tasks = [ray.put(payload)], {}
    for job in jobs:
        cpus = max(1, min(job.seeds, largest))
        needs = {"num_cpus": cpus, "num_gpus": int(job.gpu)}
        task = ray.remote(work).options(name=job.name, max_retries=RETRIES, retry_exceptions=[OSError], **needs)
        tasks[task.remote(job, sent, payload.name, remote, cpus, board)] = job
    return tasks


def _news(board: Any) -> dict[str, tuple[str, str]]:  # noqa: ANN401 - Ray's handles have no types
    try:
        return ray.get(board.read.remote(), timeout=ANSWER)
    except RayError as error:
        raise UserError(f"ray: the cluster is gone: {_words(error)}") from None


def _end(task: Any, job: Job, keep: Callable[[Job, worker.Outcome], None]) -> str | None:  # noqa: ANN401 - Ray's handles have no types
    """Take a task's outcome; say why it failed, if it did."""
    try:
        outcome = ray.get(task)
    except RayError as error:  # after all retries
        return _words(error)
    keep(job, outcome)
    return outcome.failure and f"on {outcome.node}: {outcome.failure}"


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let no signal come within a call of Ray, which would make an error of its own of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def connect(address: str) -> None:
    """Join the cluster; its workers get this package as it is here. Raises UserError where there is none."""
    before = signal.getsignal(signal.SIGTERM)
    package = str(Path(mnist_study.__file__).parent)
    with _signals_held_back():
        try:
            ray.init(address, runtime_env={"py_modules": [package]}, log_to_driver=False, logging_level="warning")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"ray: {address}: {str(error).splitlines()[0]}") from None
        signal.signal(signal.SIGTERM, before)  # Ray takes it


def _beside() -> Any:  # noqa: ANN401 - Ray's handles have no types
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Board).options(num_cpus=0, scheduling_strategy=here)


def _words(error: RayError) -> str:
    """Say in a line why Ray gave a job up."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if isinstance(error, RayTaskError):
        return lines[-1]
    return f"{type(error).__name__}: {lines[0] if lines else 'no more is known'}"
