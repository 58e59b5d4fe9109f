"""Functions of float64 and random words, as core/arithmetic computes them: the same operations in the same order."""

import math

import halide as hl

from mnist_study.core.arithmetic.functions import RADIANS
from mnist_study.kernels.kernel import I32, U32

Words = tuple[hl.Expr, hl.Expr]


def words(key: Words, place: hl.Expr) -> hl.Expr:
    """Give 32 random bits for a place; all are uint32."""
    first, second = key
    x = place * hl.cast(U32, 0x9E3779B1) + first
    x = (x ^ (x >> 16)) * hl.cast(U32, 0x7FEB352D)
    x = (x ^ (x >> 15) ^ second) * hl.cast(U32, 0x846CA68B)
    return x ^ (x >> 16)


def keys(stream: Words, number: hl.Expr) -> Words:
    """Give a key for a number, for a stream within a stream."""
    return words(stream, 2 * number), words(stream, 2 * number + 1)


def sine_and_cosine(degrees: hl.Expr) -> tuple[hl.Expr, hl.Expr]:
    """Sine and cosine of an angle in degrees."""
    quarters = hl.round(degrees * hl.f64(1 / 90))
    r = (degrees - quarters * hl.f64(90.0)) * hl.f64(RADIANS)
    square = r * r
    sine = r * _horner(square, [(-1) ** n / math.factorial(2 * n + 1) for n in range(9)])
    cosine = _horner(square, [(-1) ** n / math.factorial(2 * n) for n in range(10)])
    quarter = hl.cast(I32, quarters) & 3
    odd = quarter % 2 != 0
    return (
        hl.select(odd, cosine, sine) * hl.select(quarter >= 2, hl.f64(-1.0), hl.f64(1.0)),
        hl.select(odd, sine, cosine) * hl.select((quarter == 1) | (quarter == 2), hl.f64(-1.0), hl.f64(1.0)),
    )


def _horner(x: hl.Expr, coefficients: list[float]) -> hl.Expr:
    """Give the polynomial with these coefficients, the constant first."""
    result = hl.f64(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + hl.f64(coefficient)
    return result
