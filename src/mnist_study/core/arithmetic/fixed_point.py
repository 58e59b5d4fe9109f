"""Integers that share a power of two: how numbers are rounded to them, and how they are added up.

A block of numbers with the exponent e holds integers q of so many bits; each stands for q * 2^(e - bits + 1). Integers
are kept in float64 tensors, exponents in int64 tensors.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

VALUE = 14  # bits of the values that a layer multiplies
WEIGHT = 12  # bits of weights
GRADIENT = 12  # bits of the gradients that a layer multiplies
SLOPE = 16  # bits of the loss's gradient with respect to the logits
STORED = 16  # bits of what one layer leaves to the next
STATISTIC = 14  # bits of what a batch norm squares and multiplies
GRID = 4  # bits below the largest image's unit, in sums over images
SMALLEST, LARGEST = -60, 60  # exponents of images
SMALLEST_OF_WEIGHTS = -40


def power(exponent: Tensor) -> Tensor:
    """Give 2^exponent in float64, exactly; exponents from -1022 to 1023. torch.ldexp calls pow, which may be off."""
    return ((exponent + 1023) << 52).view(torch.float64)


def exponent_of(largest: Tensor, smallest: int = SMALLEST) -> Tensor:
    """Give the least e with largest < 2^e, at least `smallest` and at most 60, which infinity and NaN have, too."""
    exponent = torch.frexp(largest)[1].long().clamp(smallest, LARGEST)
    finite = torch.where(largest < torch.inf, exponent, LARGEST)
    return torch.where(largest == 0, smallest, finite)


def rounded(numbers: Tensor, bits: int, exponent: Tensor) -> Tensor:
    """Give the nearest integers, ties to even, of `bits` bits with their sign; what is NaN stays NaN."""
    limit = 2.0 ** (bits - 1) - 1
    return (numbers.double() * power(bits - 1 - exponent)).round().clamp(-limit, limit)


def bounded(tensors: Iterable[Tensor]) -> Tensor:
    """Tell, as a bool tensor, whether all numbers are finite and below 2^60 in magnitude."""
    return torch.stack([(tensor.abs() < 2.0**LARGEST).all() for tensor in tensors]).all()


def unit(bits: int, exponent: Tensor) -> Tensor:
    """Give what the integer 1 stands for, in float64."""
    return power(exponent - (bits - 1))


def of_weights(weight: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Round weights with an exponent for each index that is not in `over`; give integers and units."""
    exponent = exponent_of(weight.abs().amax(over, keepdim=True), SMALLEST_OF_WEIGHTS)
    return rounded(weight, WEIGHT, exponent), unit(WEIGHT, exponent)


def over_images(sums: Tensor, units: Tensor) -> Tensor:
    """Add up [N, ...] integers of N images, each in units of its own; give the total, float64 [...].

    Each is first rounded to a multiple of the largest unit's 16th part, so that the sum has no order.
    """
    largest = units.amax(0, keepdim=True) * 2.0**-GRID
    return (sums * (units / largest)).round().sum(0) * largest[0]
