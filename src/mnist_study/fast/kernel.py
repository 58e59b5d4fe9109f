"""What all kernels share: the names of dimensions, arguments that hold planes, and how a kernel is compiled."""

import functools
import os

import halide as hl

from mnist_study.fast.layout import LANES

F32, U32 = hl.Float(32), hl.UInt(32)
LANE, COLUMN, ROW, CHANNEL, BLOCK = (hl.Var(name) for name in ("lane", "column", "row", "channel", "block"))
PLACE = [LANE, COLUMN, ROW, CHANNEL, BLOCK]


@functools.cache
def target() -> hl.Target:
    """Give this processor, as Halide describes it.

    Checks of sizes are left out, which halves the time to compile; MNIST_STUDY_DEBUG puts them in.
    """
    checks = "" if os.environ.get("MNIST_STUDY_DEBUG") else "-no_asserts-no_bounds_query"
    return hl.Target(hl.get_host_target().to_string() + checks)


def planes_parameter(name: str) -> hl.ImageParam:
    """Declare an argument that `layout.Planes` fills."""
    planes = hl.ImageParam(F32, 5, name)
    lay_out(planes)
    return planes


def lay_out(planes: hl.ImageParam | hl.OutputImageParam) -> None:
    """Promise that the memory of an argument or a result is that of `layout.Planes`."""
    planes.dim(0).set_bounds(0, LANES).set_stride(1)
    planes.dim(1).set_min(0).set_stride(LANES)
    for dimension in (2, 3, 4):
        planes.dim(dimension).set_min(0)


def compiled(result: hl.Func, arguments: list[hl.ImageParam | hl.Param]) -> hl.Callable:
    """Compile a kernel; it is called with its arguments' values and the buffer that takes the result."""
    return result.compile_to_callable(arguments, target())
