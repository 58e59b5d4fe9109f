"""Kernels on disk: the same results as compiled in the process, in whatever state the folder is."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import halide as hl
import numpy as np
import pytest

from mnist_study.kernels import cache
from mnist_study.kernels.buffer import Buffer
from tests.support import ROOT

pytestmark = pytest.mark.skipif(shutil.which("ld") is None, reason="no linker")
TARGET = hl.Target(f"{hl.get_host_target().to_string()}-no_asserts-no_bounds_query")
PROGRAM = """
import os
import numpy as np
from mnist_study.kernels import chain, norm
from mnist_study.kernels.planes import Numbers, Pairs, Planes

q, scale, shift, bounds, out = Planes(40, 8, 28), Numbers(8), Numbers(8), Numbers(40, 16), Pairs(40, 8, 14, 1)
q.array[:] = np.random.default_rng(0).integers(-30000, 30000, q.array.shape)
q.field(0)[:], scale.array[:] = 15, 1e-4
keys = [Numbers(*shape, kind=np.uint32).buffer for shape in ((2,), (40, 16))]
kernels = norm.bounds(), chain.values(relu=False, drops=False, pools=True)
kernels[0](q.buffer, 28, scale.buffer, shift.buffer, 0.0, bounds.buffer)
kernels[1](*q.arguments, scale.buffer, shift.buffer, *keys, 0, bounds.buffer, out.inner_words)
threads = len(os.listdir("/proc/self/task"))
kinds = "compiled" if any("Callable" in str(type(kernel)) for kernel in kernels) else "loaded"
print(kinds, threads, int(out.array.astype(np.int64).sum()), out.array.std(), bounds.array.sum())
"""


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a process that calls two kernels."""
    env = {**os.environ, "XDG_CACHE_HOME": str(folder), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> list[str]:
    """Give what it prints: how it came to its kernels, its threads, and results."""
    output = process.communicate()[0]
    assert process.returncode == 0
    return output.split()


def test_a_process_loads_what_others_compiled_at_once(tmp_path: Path):
    """Kernels share one pool of threads, and no number of threads changes a bit."""
    folder = tmp_path / "a folder"
    at_once = [told(process) for process in [start(folder, HL_NUM_THREADS="3") for _ in range(2)]]
    assert at_once[0][:2] == ["loaded", "3"]
    assert at_once[0] == at_once[1]
    assert [name.rpartition("_")[0] for name in libraries(folder)] == ["chain_values", "norm_bounds", ""]
    later = told(start(folder, HL_NUM_THREADS="1", PATH=""))  # without a linker
    assert later == ["loaded", "1", *at_once[0][2:]]
    itself = told(start(folder, HL_NUM_THREADS="1", MNIST_STUDY_JIT="1"))
    assert itself == ["compiled", *later[1:]]


def libraries(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("mnist-study/kernels/*/*"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Halide's runtime and the kernel `doubled`, whose copies tests change."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        fresh(patch, folder)
        assert doubled() == "loaded"
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which this process has not loaded yet."""
    shutil.copytree(made, tmp_path / "copy")
    fresh(monkeypatch, tmp_path / "copy")
    (one,) = (tmp_path / "copy" / "mnist-study" / "kernels").iterdir()
    return one


def fresh(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """As in a process that has loaded nothing."""
    patch.setenv("XDG_CACHE_HOME", str(folder))
    for name in ("MNIST_STUDY_JIT", "MNIST_STUDY_DEBUG"):
        patch.delenv(name, raising=False)
    patch.setattr(cache, "failed", [])
    cache._ready.cache_clear()


def kernel() -> Callable[..., None] | None:
    """Load a kernel that gives its numbers times a factor, and what is left over."""
    x, y, given, factor = hl.Var("x"), hl.Var("y"), hl.ImageParam(hl.Int(16), 2, "given"), hl.Param(hl.Int(32), "by")
    given.dim(0).set_stride(hl.Expr())
    out = hl.Func("out")
    out[x, y] = (hl.i32(given[x, y]) * factor, hl.f64(given[x, y]) / 4)
    return cache.load("doubled", hl.Pipeline(out), [given, factor], TARGET)


def doubled() -> str:
    """Call it, and tell whether there is one."""
    function = kernel()
    if function is None:
        return str(cache.failed[0])
    numbers = np.arange(12, dtype=np.int16).reshape(3, 4)
    wide, quarters = np.zeros((3, 4), np.int32), np.zeros((3, 4))
    function(Buffer(numbers), 2, Buffer(wide), Buffer(quarters))
    assert np.array_equal(wide, 2 * numbers)
    assert np.array_equal(quarters, numbers / 4)
    return "loaded"


@pytest.mark.parametrize("damage", ["nothing", "half", "another's", "a page", "a byte"])
def test_a_damaged_library_is_made_again(folder: Path, damage: str):
    file = folder / "doubled.so"
    whole = file.read_bytes()
    file.write_bytes(
        {
            "nothing": b"",
            "half": whole[: len(whole) // 2],
            "another's": (folder / "runtime.so").read_bytes(),
            "a page": b"<html>",
            "a byte": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        }[damage]
    )
    assert doubled() == "loaded"
    assert file.read_bytes()[:4] == b"\x7fELF"
    assert len(file.read_bytes()) == len(whole)


def test_where_nothing_can_be_kept_the_process_compiles(folder: Path, monkeypatch: pytest.MonkeyPatch):
    for variable in ("MNIST_STUDY_JIT", "MNIST_STUDY_DEBUG"):
        with monkeypatch.context() as patch:
            fresh(patch, folder.parents[2])
            patch.setenv(variable, "1")
            assert "not kept" in doubled()
    fresh(monkeypatch, folder / "runtime.so")
    assert "Not a directory" in doubled()
    fresh(monkeypatch, folder.parents[2])
    folder.chmod(0o777)
    assert "others can write to it" in doubled()


@pytest.mark.parametrize("reason", ["no linker", "a linker that fails", "other sources", "a full disk"])
def test_where_nothing_can_be_made_the_process_compiles(
    reason: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "doubled.so").unlink()
    if reason == "no linker":
        monkeypatch.setenv("PATH", "")
    elif reason == "a linker that fails":
        (tmp_path / "ld").symlink_to(shutil.which("false") or "")
        monkeypatch.setenv("PATH", str(tmp_path))
    elif reason == "other sources":
        monkeypatch.setattr(cache, "sources", lambda: "edited since they were imported")
    else:

        def full(path: Path, _data: bytes) -> None:
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(cache.files, "write", full)
    assert doubled() != "loaded"
    assert libraries(folder.parents[2]) == ["runtime.so"]
    assert len(cache.failed) == 1


def test_another_processor_has_a_folder_of_its_own(folder: Path):
    assert cache._ready(TARGET.to_string()) == folder
    assert cache._ready("x86-64-linux-sse41") != folder


def test_folders_without_use_go_when_a_new_one_comes(folder: Path):
    old, young = folder.with_name("old"), folder.with_name("young")
    for other, age in ((old, cache.OLD + 60), (young, cache.OLD - 60), (folder, cache.OLD + 60)):
        other.mkdir(exist_ok=True)
        os.utime(other, (time.time() - age, time.time() - age))
    assert doubled() == "loaded"
    assert old.exists()
    cache._ready("x86-64-linux-sse41")
    assert not old.exists()
    assert young.exists()
    assert folder.exists()  # it has just been used


@pytest.mark.usefixtures("folder")
def test_arguments_that_a_kernel_cannot_take_are_refused():
    function = kernel()
    assert function is not None
    numbers, wide, quarters = Buffer(np.zeros((3, 4), np.int16)), Buffer(np.zeros((3, 4), np.int32)), np.zeros((3, 4))
    with pytest.raises(ctypes.ArgumentError, match=r"\('int32', 2\) given; allowed is a Buffer of \('int16', 2\)"):
        function(wide, 2, wide, Buffer(quarters))
    with pytest.raises(ctypes.ArgumentError, match=r"\('float64', 1\) given; allowed is a Buffer of \('float64', 2\)"):
        function(numbers, 2, wide, Buffer(quarters[0]))
    for plain in (hl.Buffer(quarters), quarters, None, 0):
        with pytest.raises(ctypes.ArgumentError, match="allowed is a Buffer"):
            function(numbers, 2, wide, plain)
    with pytest.raises(ctypes.ArgumentError):
        function(numbers, 2.0, wide, Buffer(quarters))
    with pytest.raises(TypeError):
        function(numbers, 2, wide)


def test_a_kernel_that_fails_says_so():
    with pytest.raises(RuntimeError, match=r"^doubled: Halide's error -1$"):
        cache._check("doubled", -1)


def test_halide_describes_an_array_as_its_header_says():
    """Of a part of an array, whose columns lie apart: its first number's place, its type, extents and strides."""

    class Dimension(ctypes.Structure):
        _fields_ = [(name, ctypes.c_int32) for name in ("min", "extent", "stride", "flags")]

    class Raw(ctypes.Structure):
        _fields_ = [
            ("device", ctypes.c_uint64),
            ("device_interface", ctypes.c_void_p),
            ("host", ctypes.c_void_p),
            ("flags", ctypes.c_uint64),
            ("code", ctypes.c_uint8),
            ("bits", ctypes.c_uint8),
            ("lanes", ctypes.c_uint16),
            ("dimensions", ctypes.c_int32),
            ("dim", ctypes.POINTER(Dimension)),
        ]

    array = np.zeros((5, 6, 8), np.int16)[1:4, 2:, ::2]
    buffer = Buffer(array)
    raw = Raw.from_address(buffer.address.value or 0)
    assert (raw.host, raw.code, raw.bits, raw.lanes) == (array.ctypes.data, 0, 16, 1)
    dimensions = [(raw.dim[n].min, raw.dim[n].extent, raw.dim[n].stride) for n in range(raw.dimensions)]
    assert dimensions == [(0, 4, 2), (0, 4, 8), (0, 3, 48)]
    assert buffer.kind == ("int16", 3)
