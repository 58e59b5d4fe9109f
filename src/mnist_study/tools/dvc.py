"""DVC's command line, for every tool that runs or asks it. The doctor imports this where DVC may be missing."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError

COMMAND = (sys.executable, "-m", "dvc", "--wait-for-lock")
NOISE = {
    "dvc.stage": "didn't change, skipping",
    "dvc_data.index.checkout": "No file hash info found for",  # a new variant's results, which are not there yet
}


def status(*stages: str) -> dict[str, Any]:
    """Ask which stages, of these or of all, differ from dvc.lock, and in what; raises UserError with what DVC says."""
    done = _ask("status", "--json", *stages)
    if done.returncode:
        raise UserError(f"dvc status: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def experiments() -> list[dict[str, Any]]:
    """Ask for the workspace and HEAD, each with its experiments; raises UserError with what DVC says."""
    done = _ask("exp", "show", "--json")
    if done.returncode:
        raise UserError(f"dvc exp show: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def call(*arguments: str) -> int:
    """Run a command in the terminal; give its exit status."""
    return subprocess.run([*COMMAND, *arguments], check=False).returncode  # noqa: S603 - DVC alone


def quietly(*arguments: str) -> int:
    """Run a command in this process, without a line for each stage that did not change; give its exit status.

    Stages keep the terminal for their progress. What DVC itself writes to sys.stdout is dropped (hints, what a pull
    fetched), but not its log.
    """
    from dvc.cli import main

    for name, words in NOISE.items():
        logging.getLogger(name).addFilter(lambda record, words=words: words not in str(record.msg))
    with redirect_stdout(io.StringIO()):
        return main(list(arguments))


def remote_url(name: str) -> str:
    """Give a remote's address, or an empty text where there is no such remote."""
    return _ask("config", f"remote.{name}.url").stdout.strip()


def default_remote() -> str:
    """Name the remote that `dvc push` pushes to, or give an empty text where there is none."""
    return _ask("config", "core.remote").stdout.strip()


def cache_folder() -> str:
    """Give the folder of a cache that lies elsewhere, or an empty text where none is set."""
    return _ask("config", "cache.dir").stdout.strip()


def held(remote: str, objects: Iterable[str]) -> set[str]:
    """Tell which of the objects, by their MD5, a remote has; raises UserError where it does not answer."""
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return set(repo.cloud.get_remote_odb(remote).oids_exist(list(objects)))
    except Exception as error:  # of whatever kind: each kind of remote has its own
        raise UserError(f"remote {remote}: does not answer ({str(error) or type(error).__name__})") from None


def running(top: Path) -> list[int]:
    """Give the process ids of all `dvc` commands that run in this checkout; none where there is no /proc."""
    return sorted(int(process.name) for process in Path("/proc").glob("[0-9]*") if _is_dvc(process, top.resolve()))


def _is_dvc(process: Path, top: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")[:4]  # python -m dvc, dvc, python /path/to/dvc
        return any(word.rpartition(b"/")[2] == b"dvc" for word in words) and (
            (process / "cwd").readlink().is_relative_to(top)
        )
    except OSError:  # it has ended, or is another user's
        return False


def _ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - DVC alone
