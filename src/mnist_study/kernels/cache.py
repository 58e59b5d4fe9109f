"""Compiled kernels on disk: a process loads what an earlier one compiled, which else takes it seconds.

A folder holds shared libraries: one for each kernel, and Halide's runtime, whose threads all kernels share. Its name is
a hash of all that decides what the kernels are. Whatever fails, the process compiles for itself.
"""

import ctypes
import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import halide as hl

from mnist_study.core import files
from mnist_study.kernels import buffer

SOURCES = "kernels", "augmentation", "core"
OLD = 30 * 24 * 3600  # seconds since its last use, after which a folder is removed
DIGEST = sha256().digest_size
FAILURES = (OSError, RuntimeError, ImportError, subprocess.SubprocessError, hl.HalideError)


def sources() -> str:
    """Hash the code of the kernels and of all that they import."""
    digest, package = sha256(), Path(__file__).parents[1]
    for file in sorted(file for folder in SOURCES for file in package.glob(f"{folder}/**/*.py")):
        digest.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


IMPORTED = sources()  # at once: somebody may edit them while a process runs
failed: list[Exception] = []  # at most one, after which this process no longer tries


def load(
    name: str, pipeline: hl.Pipeline, arguments: Sequence[hl.ImageParam | hl.Param], target: hl.Target
) -> Callable[..., None] | None:
    """Load a kernel, after compiling it where it is missing or damaged; None where that, or an earlier one, fails."""
    if failed:
        return None
    alone = hl.Target(f"{target.to_string()}-no_runtime")
    try:
        path = _ready(target.to_string()) / f"{name}.so"
        library = _library(path, lambda file: pipeline.compile_to_object(file, list(arguments), name, alone))
    except FAILURES as error:
        failed.append(error)
        return None
    function = library[name]
    function.argtypes = buffer.types(pipeline, arguments)
    function.errcheck = functools.partial(_check, name)  # pyright: ignore[reportAttributeAccessIssue] - gives None
    return function


def _check(name: str, code: int, *_: object) -> None:
    if code:
        raise RuntimeError(f"{name}: Halide's error {code}")


@functools.cache
def _ready(target: str) -> Path:
    """Give the folder of a target's kernels, whose runtime is loaded; raises one of FAILURES where there is none."""
    if os.environ.get("MNIST_STUDY_JIT") or os.environ.get("MNIST_STUDY_DEBUG") or sys.platform != "linux":
        raise OSError("kernels are not kept")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mnist-study", "kernels")
    folder = root / sha256(f"{IMPORTED} {version('halide')} {target}".encode()).hexdigest()[:32]
    if not folder.exists():
        for other in root.glob("*"):
            if time.time() - other.stat().st_mtime > OLD:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
        raise OSError(f"{folder}: others can write to it")
    runtime = folder / "runtime.so"
    _library(runtime, lambda file: hl.compile_standalone_runtime(file, hl.Target(target)), ctypes.RTLD_GLOBAL)
    with suppress(OSError):
        os.utime(folder)
    return folder


def _library(path: Path, compile_to: Callable[[str], object], mode: int = ctypes.RTLD_LOCAL) -> ctypes.CDLL:
    try:
        return _open(path, mode)
    except OSError:
        _make(path, compile_to)
        return _open(path, mode)


def _open(path: Path, mode: int) -> ctypes.CDLL:
    data = path.read_bytes()
    if data[-DIGEST:] != _digest(path, data[:-DIGEST]):
        raise OSError(f"{path}: damaged")  # loading it might end the process
    return ctypes.CDLL(str(path), mode)


def _make(path: Path, compile_to: Callable[[str], object]) -> None:
    """Compile, link and write a library with its hash behind it."""
    linker = shutil.which("ld")
    if linker is None or sources() != IMPORTED:
        raise OSError(f"{path}: no linker, or sources have changed")
    memory = os.memfd_create(path.stem)  # no file: LLVM ends the process where a disk is full
    try:
        compiled = f"/proc/self/fd/{memory}"
        compile_to(compiled)
        with TemporaryDirectory() as folder:
            linked = Path(folder, path.name)
            command = [linker, "-shared", "-Bsymbolic", "-z", "noexecstack", "-o", str(linked), compiled]
            subprocess.run(command, pass_fds=[memory], check=True, capture_output=True)  # noqa: S603
            library = linked.read_bytes()
    finally:
        os.close(memory)
    files.write(path, library + _digest(path, library))


def _digest(path: Path, library: bytes) -> bytes:
    """Hash a library and where it belongs."""
    return sha256(f"{path.parent.name}/{path.name}\n".encode() + library).digest()
