"""What all kernels share: names of dimensions, exponents, rounding, and how a kernel is compiled."""

import functools
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import ParamSpec, cast

import halide as hl

from mnist_study.core.arithmetic.fixed_point import LARGEST
from mnist_study.kernels import cache

P = ParamSpec("P")
Kernel = Callable[..., None]
Description = tuple[hl.Func | hl.Pipeline, Sequence[hl.ImageParam | hl.Param]]

I16, I32, I64, U32, F32, F64 = hl.Int(16), hl.Int(32), hl.Int(64), hl.UInt(32), hl.Float(32), hl.Float(64)
LANES = 16  # images in a block
os.environ.setdefault("HL_NUM_THREADS", "1")  # Halide's; a process trains one network
TWO, LANE, PAIR, ROW, CHANNEL, BLOCK = (hl.Var(name) for name in ("two", "lane", "pair", "row", "channel", "block"))
COLUMN = hl.Var("column")
MAGIC = 12582912.0  # 1.5 * 2^23: a float32 plus this has the nearest integer, ties to even, in its low bits


@functools.cache
def target() -> hl.Target:
    """Give this processor, as Halide describes it; MNIST_STUDY_TARGET names another one that it can run.

    Checks of sizes are left out, which halves the time to compile; MNIST_STUDY_DEBUG puts them in. LLVM's
    default tuning splits the instruction that multiplies and adds (`vpdpwssd`) into two; that for Zen 4 does not.
    """
    checks = "" if os.environ.get("MNIST_STUDY_DEBUG") else "-no_asserts-no_bounds_query"
    name = os.environ.get("MNIST_STUDY_TARGET") or str(hl.get_host_target().to_string())
    is_wide = hl.Target(name).has_feature(hl.TargetFeature.AVX512_Skylake)
    tuning = "-tune_znver4" if is_wide and "-tune_" not in name else ""  # Halide takes one
    return hl.Target(name + tuning + checks)


def has_wide_vectors() -> bool:
    """Tell whether there are 32 registers of 64 bytes."""
    return target().has_feature(hl.TargetFeature.AVX512_Skylake)


def exponent_of(largest: hl.Expr, smallest: int) -> hl.Expr:
    """Give the least e with largest < 2^e, within `smallest` and 60, of a float32 that is not negative."""
    return hl.clamp(frexp(largest), smallest, LARGEST)


def frexp(largest: hl.Expr) -> hl.Expr:
    """Give the least e with largest < 2^e; above 60 the training has diverged. Halide may take 0 for -0."""
    return (hl.cast(I32, hl.reinterpret(U32, largest) >> 23) & 0xFF) - 126


def power(exponent: hl.Expr) -> hl.Expr:
    """Give 2^exponent as a float32; exponents from -126 to 127."""
    return hl.reinterpret(F32, hl.cast(U32, exponent + 127) << 23)


def nearest(scaled: hl.Expr, limit: int) -> hl.Expr:
    """Round a float32 to the nearest integer, ties to even, at most `limit` in magnitude: int32."""
    shifted = hl.clamp(scaled + MAGIC, MAGIC - limit, MAGIC + limit)
    return hl.reinterpret(I32, hl.strict_float(shifted)) - hl.reinterpret(I32, hl.f32(MAGIC))


def quarter(q: hl.Expr | hl.FuncRef) -> hl.Expr:
    """Give round(q / 4), ties to even, of an int16.

    The instruction rounds ties up. That is right where q mod 8 is 6; where it is 2 the result is one too many.
    """
    q = q if isinstance(q, hl.Expr) else hl.Expr(q)
    too_many = hl.cast(I16, hl.select((q & hl.i16(7)) == 2, 1, 0))
    return hl.rounding_mul_shift_right(q, hl.i16(2**13), hl.cast(hl.UInt(16), 15)) - too_many


def halves(number: hl.Expr) -> list[hl.Expr]:
    """Split an int32 into its low and its high sixteen bits."""
    return [hl.cast(I16, number & 0xFFFF), hl.cast(I16, number >> 16)]


def lay_out(buffer: hl.ImageParam | hl.OutputImageParam, *dense: int) -> None:
    """Promise the extents of the innermost dimensions, which lie dense in memory, and that all start at 0."""
    stride = 1
    for dimension, extent in enumerate(dense):
        buffer.dim(dimension).set_bounds(0, extent).set_stride(stride)
        stride *= extent
    buffer.dim(len(dense)).set_min(0).set_stride(stride)
    for dimension in range(len(dense) + 1, buffer.dimensions()):
        buffer.dim(dimension).set_min(0)


def compiled(describe: Callable[P, Description]) -> Callable[P, Kernel]:
    """Compile what `describe` gives, its results and arguments, or take it from the cache.

    The kernel is called with its arguments' values and the buffers that take the results.
    """

    def kernel(*args: P.args, **kwargs: P.kwargs) -> Kernel:
        result, arguments = describe(*args, **kwargs)
        pipeline = hl.Pipeline(result) if isinstance(result, hl.Func) else result
        given = sha256(repr((args, kwargs)).encode()).hexdigest()[:16]
        name = f"{describe.__module__.rpartition('.')[2]}_{describe.__name__}_{given}"
        kept = cache.load(name, pipeline, arguments, target())
        return kept or pipeline.compile_to_callable(list(arguments), target())

    return cast("Callable[P, Kernel]", functools.cache(kernel))
