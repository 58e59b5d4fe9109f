"""How a job runs on this machine: its `dvc` commands as processes, what they print in its log."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.running.pool import WORKERS
from mnist_study.tools import dvc
from mnist_study.tools.parallel.plan import Job

SECONDS_TO_END = 8.0  # between the request to end and the kill
PR_SET_PDEATHSIG = 1


class Running:
    """A job that has begun; it may use `workers` processes for its seeds."""

    def __init__(self, job: Job, log: Path, workers: int) -> None:
        self.commands, self.log, self.workers = list(job.commands), log, workers
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        self.process = self._start()

    def ended(self) -> bool:
        """Tell whether all is done; where one command is, start the next. Raises UserError where one failed."""
        status = self.process.poll()
        if status:
            words = last_words(self.log.read_text(errors="replace"), f"{self.command}: exit status {status}")
            raise UserError(f"{words}; see {self.log}")
        if status is None:
            return False
        if self.commands:
            self.process = self._start()
            return False
        return True

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        command = self.commands.pop(0)
        self.command = " ".join(["dvc", *command])  # for an error; not --quiet, which hides DVC's own errors
        with self.log.open("ab") as file:
            return subprocess.Popen(  # noqa: S603 - plan.py's commands
                [*dvc.COMMAND, *command],
                env={**os.environ, "PATH": path, WORKERS: str(self.workers)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to answer, and DVC and what it starts can be reached together
                preexec_fn=_prepare,
            )


def stop(jobs: Iterable[Running]) -> None:
    """End all that runs, by SIGINT as Ctrl-C would; kill what does not end within a few seconds.

    DVC ignores it, sees its stage's command end, and leaves its files in order. A command that has only just started
    may not hear it yet, so it comes again and again.
    """
    deadline = time.monotonic() + SECONDS_TO_END
    left = [job.process for job in jobs]
    while left := [process for process in left if process.poll() is None]:
        for process in left:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.2)


def last_words(log: str, end: str) -> str:
    """Say why a command failed: our errors in its log, else its end, the last line of the stage and DVC's error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return "\n".join(errors)
    first = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    said = lines[max(first - 1, 0) : first + 1]
    return end + (f" after: {'; '.join(said)}" if said else "")


def _prepare() -> None:
    """Have DVC ignore SIGINT, and end with this process, even one that was killed; stages/__init__.py does the rest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # a worker of Ray has it blocked
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
