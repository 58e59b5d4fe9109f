"""What all kernels share: names of dimensions, arguments that hold planes, rounding, and how a kernel is compiled."""

import functools
import os

import halide as hl

from mnist_study.train.engines.fast.layout import LANES

F32, U16, U32, BF16 = hl.Float(32), hl.UInt(16), hl.UInt(32), hl.BFloat(16)
LANE, COLUMN, ROW, CHANNEL, BLOCK = (hl.Var(name) for name in ("lane", "column", "row", "channel", "block"))
PLACE = [LANE, COLUMN, ROW, CHANNEL, BLOCK]


@functools.cache
def target() -> hl.Target:
    """Give this processor, as Halide describes it.

    Checks of sizes are left out, which halves the time to compile; MNIST_STUDY_DEBUG puts them in.
    """
    checks = "" if os.environ.get("MNIST_STUDY_DEBUG") else "-no_asserts-no_bounds_query"
    return hl.Target(hl.get_host_target().to_string() + checks)


def multiplies_bf16() -> bool:
    """Tell whether the processor has an instruction that sums products of bfloat16 in float32."""
    features = hl.TargetFeature.AVX512_Zen4, hl.TargetFeature.AVX512_SapphireRapids, hl.TargetFeature.AVX10_1
    return any(hl.get_host_target().has_feature(feature) for feature in features)


def registers() -> int:
    """Count the registers that hold vectors."""
    return 32 if hl.get_host_target().has_feature(hl.TargetFeature.AVX512) else 16


def storage(precision: str) -> hl.Type:
    """Give the type in which planes store numbers: bfloat16 as its bits."""
    return U16 if precision == "bf16" else F32


def planes_parameter(name: str, precision: str) -> hl.ImageParam:
    """Declare an argument that `layout.Planes` of this precision fills; `widened` reads its numbers."""
    planes = hl.ImageParam(storage(precision), 5, name)
    lay_out(planes)
    return planes


def lay_out(planes: hl.ImageParam | hl.OutputImageParam) -> None:
    """Promise that the memory of an argument or a result is that of `layout.Planes`."""
    planes.dim(0).set_bounds(0, LANES).set_stride(1)
    planes.dim(1).set_min(0).set_stride(LANES)
    for dimension in (2, 3, 4):
        planes.dim(dimension).set_min(0)


def widened(number: hl.Expr) -> hl.Expr:
    """Read what planes store as float32."""
    return number if number.type() == F32 else hl.reinterpret(F32, hl.cast(U32, number) << 16)


def rounded(number: hl.Expr, precision: str) -> hl.Expr:
    """Turn a float32 into what planes of this precision store: itself, or the sixteen bits of the nearest bfloat16."""
    if precision == "fp32":
        return number
    bits = hl.reinterpret(U32, number)
    half = hl.cast(U32, 0x7FFF) + ((bits >> 16) & hl.cast(U32, 1))  # halfway between two goes to the even one
    return hl.cast(U16, (bits + half) >> 16)


def compiled(result: hl.Func, arguments: list[hl.ImageParam | hl.Param]) -> hl.Callable:
    """Compile a kernel; it is called with its arguments' values and the buffer that takes the result."""
    return result.compile_to_callable(arguments, target())
