"""How a job runs on a worker of a cluster: in a checkout of its own, from which DVC pushes what came of it."""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.tools.parallel import local
from mnist_study.tools.parallel.plan import Job
from mnist_study.tools.parallel.ray.payload import Payload, unpack

LOGS, PROGRESS, EVALUATION = Path("build/logs"), Path("build/progress"), Path("results/evaluation")
TRAINED_ON = Path("build/trained_on")  # what a training ran on, by `train`
SITE = "DVC_SITE_CACHE_DIR"  # of each checkout its own, so it also tells what runs in which
SECONDS = 1.0  # between two looks at what runs
PUSH_SECONDS = 600.0  # for one push
PAUSES = (5.0, 30.0, 120.0)  # before another try to push
FORGOTTEN = 7 * 24 * 3600.0  # seconds after which nobody goes on with what an unfinished run left


@dataclass(frozen=True)
class Outcome:
    """What a worker tells of a job: texts of its files, as far as they are there, and why it failed, if it did."""

    node: str
    log: str
    lock: str
    evaluation: str
    trained_on: str
    failure: str | None


def homes() -> Path:
    """Give the folder of all payloads; the system's temporary folder is the machine's own."""
    return Path(tempfile.gettempdir()) / f"mnist-study-{os.getuid()}"


def home(name: str, node: str) -> Path:
    """Give the folder of one payload on one node."""
    return homes() / f"{name}-{node[:8]}"


def tidy(name: str) -> None:
    """Remove what a payload left on this machine, for whichever node, and what any other left a week ago."""
    for folder in homes().glob("*-*"):
        if folder.name.startswith(f"{name}-") or time.time() - folder.stat().st_mtime > FORGOTTEN:
            shutil.rmtree(folder, ignore_errors=True)


def checkout(job: Job, home: Path, receive: Callable[[], Payload]) -> Path:
    """Give the job's checkout: what an earlier try left, else a copy of the node's, which the first job makes.

    Each has its own, so no job waits for another's lock, and the run cache that it pushes is its own.
    """
    home.mkdir(parents=True, exist_ok=True)
    base, folder, half = home / ".base", home / job.name, home / f".half-{os.getpid()}"
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(half, ignore_errors=True)
        if not base.exists():
            unpack(receive(), half)
            half.rename(base)
    if folder.exists():
        free(folder)
    else:
        shutil.copytree(base, half, symlinks=True, copy_function=os.link)  # nothing of it is changed in place
        half.rename(folder)
    return folder


def free(folder: Path) -> None:
    """End what a dead worker left running in a checkout, and remove what its DVC may have left locked or half written.

    DVC does not wait for a stage that another DVC holds, and it counts a killed one as alive until that is reaped. An
    init may take seconds for that, and a container without one never does it. What dvc.lock told is in the run cache.
    Raises OSError where a process does not end; another node may do.
    """
    end = time.monotonic() + local.SECONDS_TO_END
    while left := list(running(folder)):
        if time.monotonic() > end:
            raise OSError(f"{folder}: process {left[0]} of a dead worker does not end")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    for name in (".dvc/tmp/rwlock", "dvc.lock"):
        (folder / name).unlink(missing_ok=True)


def running(folder: Path) -> Iterator[int]:
    """Find the processes that a worker began in a checkout, by /proc; those that have ended are not among them."""
    mark = f"{SITE}={site(folder)}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if mark in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)


def site(folder: Path) -> Path:
    """Give the folder that DVC shares between checkouts, here the checkout's own: it goes when that goes."""
    return folder / ".dvc" / "site"


def work(job: Job, folder: Path, remote: str, workers: int, node: str, tell: Callable[[str], None]) -> Outcome:
    """Run the job in its checkout and push its results; `tell` is given what `train` writes about itself."""
    os.chdir(folder)
    os.environ[SITE] = str(site(folder))
    failure = None
    try:
        follow(local.Running(job, LOGS / f"{job.name}.log", workers), news(PROGRESS / f"{job.name}.json", tell))
        push(job, remote)
    except UserError as error:
        failure = str(error)
    log = "".join(text(path) for path in sorted(LOGS.glob(f"{job.name}.*")))
    lock, told = Path("dvc.lock"), f"{job.name}.json"
    outcome = Outcome(node, log, text(lock), text(EVALUATION / told), text(TRAINED_ON / told), failure)
    os.chdir(folder.parent)
    if not failure:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def news(path: Path, tell: Callable[[str], None]) -> Callable[[], None]:
    """Give a function that tells a file's text whenever it is another than before."""
    told = ""

    def look() -> None:
        nonlocal told
        if (now := text(path)) != told:
            tell(told := now)

    return look


def follow(running: local.Running, look: Callable[[], None], seconds: float = inf) -> None:
    """Wait for the end, at most so long. Raises UserError where it fails or is late; nothing of it goes on then."""
    end = time.monotonic() + seconds
    try:
        while not running.ended():
            time.sleep(SECONDS)
            look()
            if time.monotonic() > end:
                raise UserError(f"{running.command}: no end after {seconds:.0f} s; see {running.log}")
    finally:
        local.stop([running])


def push(job: Job, remote: str) -> None:
    """Push outs and run cache, a few times if need be. Raises UserError with the last try's words."""
    log = LOGS / f"{job.name}.push.log"
    stages = [command[-1] for command in job.commands]
    command = ("push", "--run-cache", "--remote", remote, *stages)
    for pause in (*PAUSES, None):
        try:
            return follow(local.Running(Job(job.name, (command,)), log, 1), lambda: None, PUSH_SECONDS)
        except UserError:
            if pause is None:
                raise
            time.sleep(pause)
    return None


def text(path: Path) -> str:
    """Give a file's text, or none where there is no such file."""
    return path.read_text(errors="replace") if path.is_file() else ""
