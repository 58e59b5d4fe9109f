"""Arguments of kernels for ctypes, by which `cache` calls them: C itself would take anything."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import halide as hl
import numpy as np

SCALARS = {
    "int32": ctypes.c_int32,
    "uint32": ctypes.c_uint32,
    "int64": ctypes.c_int64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}


class Buffer(hl.Buffer):
    """An array's memory for kernels. Halide describes it, in the halide_buffer_t at `address`."""

    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.kind = str(self.type()), self.dimensions()
        self.address = ctypes.c_void_p(self._get_raw_halide_buffer_t())


class BufferType:
    """A type in ctypes' sense. It checks what Halide's Callable checks."""

    def __init__(self, numbers: hl.Type, dimensions: int) -> None:
        self.kind = str(numbers), dimensions

    def from_param(self, given: Buffer) -> ctypes.c_void_p:
        """Give the buffer's address; raises TypeError where its numbers or dimensions are not the kernel's."""
        if not isinstance(given, Buffer) or given.kind != self.kind:
            raise TypeError(f"{getattr(given, 'kind', type(given))} given; allowed is a Buffer of {self.kind}")
        return given.address


def types(pipeline: hl.Pipeline, arguments: Sequence[hl.ImageParam | hl.Param]) -> list[Any]:
    """Give the types of a kernel's arguments and of the buffers that take its results."""
    given = [
        BufferType(each.type(), each.dimensions()) if isinstance(each, hl.ImageParam) else SCALARS[str(each.type())]
        for each in arguments
    ]
    results = [BufferType(numbers, func.dimensions()) for func in pipeline.outputs() for numbers in func.types()]
    return [*given, *results]


def bind(kernel: Callable[..., None], *given: object) -> Callable[[], None]:
    """Check and convert a kernel's arguments once for many calls, since that takes longer than a small kernel does."""
    function: Any = kernel
    kinds = getattr(function, "argtypes", None)
    if kinds is None:  # it is no function of ctypes
        return partial(kernel, *given)
    unchecked = type(function)(ctypes.cast(function, ctypes.c_void_p).value)
    unchecked.errcheck = function.errcheck
    call: Any = partial(unchecked, *(kind.from_param(each) for kind, each in zip(kinds, given, strict=True)))
    call.given = given  # ctypes keeps no buffer alive
    return call
