"""Square root, exponential, logarithm, sine and cosine in float64.

The bits of a mathematical library differ between processors and versions; those of + - * / and IEEE 754's square root
do not. Each polynomial is a Taylor series, long enough that what it leaves out is below the last bit.
"""

import math

import numpy as np
import torch
from torch import Tensor

from mnist_study.core.arithmetic.fixed_point import power

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # high has 33 bits: k * high is exact
RADIANS = 0.017453292519943295  # of a degree


def square_root(x: Tensor) -> Tensor:
    """Give the correctly rounded root; torch's on a processor is MKL's, which may be off by a bit."""
    return torch.as_tensor(np.sqrt(x.numpy())) if x.device.type == "cpu" else x.sqrt()


def exp(x: Tensor) -> Tensor:
    """e^x for x from -700 to 0."""
    k = (x * LOG2_E).round()
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    return _horner(r, [1 / math.factorial(n) for n in range(14)]) * power(k.long())


def log(x: Tensor) -> Tensor:
    """Natural logarithm of normal numbers x > 0."""
    mantissa, exponent = torch.frexp(x)  # from 1/2 to below 1
    low = mantissa < 0.7071067811865476
    mantissa = torch.where(low, mantissa * 2, mantissa)
    exponent = torch.where(low, exponent - 1, exponent).double()
    s = (mantissa - 1) / (mantissa + 1)
    return exponent * LN2_HIGH + (2 * s * _horner(s * s, [1 / (2 * n + 1) for n in range(12)]) + exponent * LN2_LOW)


def sine_and_cosine(degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Sine and cosine of angles in degrees; whole quarter turns come off first, exactly."""
    quarters = (degrees * (1 / 90)).round()
    r = (degrees - quarters * 90) * RADIANS
    square = r * r
    sine = r * _horner(square, [(-1) ** n / math.factorial(2 * n + 1) for n in range(9)])
    cosine = _horner(square, [(-1) ** n / math.factorial(2 * n) for n in range(10)])
    quarter = quarters.long() % 4
    turned = torch.where(quarter % 2 == 0, sine, cosine), torch.where(quarter % 2 == 0, cosine, sine)
    signs = torch.where(quarter >= 2, -1.0, 1.0), torch.where((quarter == 1) | (quarter == 2), -1.0, 1.0)
    return turned[0] * signs[0], turned[1] * signs[1]


def _horner(x: Tensor, coefficients: list[float]) -> Tensor:
    """Give the polynomial with these coefficients, the constant first."""
    result = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result
