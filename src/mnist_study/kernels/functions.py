"""Functions of float64 and random words, as core/arithmetic computes them: the same operations in the same order."""

import math

import halide as hl

from mnist_study.core.arithmetic.functions import LN2_HIGH, LN2_LOW, LOG2_E, RADIANS
from mnist_study.kernels.kernel import F64, I32, U32

U64 = hl.UInt(64)
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


def frexp(x: hl.Expr) -> hl.Expr:
    """Give the least e with |x| < 2^e."""
    return (hl.cast(I32, hl.reinterpret(U64, x) >> hl.cast(U64, 52)) & 0x7FF) - 1022


def power(exponent: hl.Expr) -> hl.Expr:
    """Give 2^exponent; exponents from -1022 to 1023."""
    return hl.reinterpret(F64, hl.cast(U64, exponent + 1023) << hl.cast(U64, 52))


def exp(x: hl.Expr) -> hl.Expr:
    """e^x for x from -700 to 0."""
    k = hl.round(x * hl.f64(LOG2_E))
    r = (x - k * hl.f64(LN2_HIGH)) - k * hl.f64(LN2_LOW)
    return _horner(r, [1 / math.factorial(n) for n in range(14)]) * power(hl.cast(I32, k))


def log(x: hl.Expr) -> hl.Expr:
    """Natural logarithm of normal numbers x > 0."""
    exponent = frexp(x)
    mantissa = x * power(-exponent)
    low = mantissa < hl.f64(0.7071067811865476)
    mantissa = hl.select(low, mantissa * hl.f64(2.0), mantissa)
    wide = hl.f64(hl.select(low, exponent - 1, exponent))
    s = (mantissa - hl.f64(1.0)) / (mantissa + hl.f64(1.0))
    series = hl.f64(2.0) * s * _horner(s * s, [1 / (2 * n + 1) for n in range(12)])
    return wide * hl.f64(LN2_HIGH) + (series + wide * hl.f64(LN2_LOW))


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
