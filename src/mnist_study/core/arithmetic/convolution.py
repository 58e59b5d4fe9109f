"""Convolution of integers and its two gradients, all exact, as matrix products in float64.

Sums stay below 2^53, so they are exact in whatever order a library adds. Shapes: images [N, C, H, W] of integers, units
[N, 1, 1, 1]; filters [O, C, K, L].
"""

import torch.nn.functional as F
from torch import Tensor

from mnist_study.core.arithmetic import fixed_point
from mnist_study.core.arithmetic.fixed_point import over_images


def forward(q: Tensor, units: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Give float32 [N, O, H', W']: the exact sum, rounded once, in its units, plus the bias."""
    filters, filter_units = fixed_point.of_weights(weight, (1, 2, 3))
    sums = _correlate(q, filters, padding).float()
    result = sums * (units * filter_units.view(1, -1, 1, 1)).float()
    return result if bias is None else result + bias.view(1, -1, 1, 1)


def input_gradient(q: Tensor, units: Tensor, weight: Tensor, padding: int) -> Tensor:
    """Give float32 [N, C, H, W] for the gradient's integers [N, O, H', W']: correlated with the turned filters."""
    filters, filter_units = fixed_point.of_weights(weight, (0, 2, 3))
    turned = filters.flip(2, 3).transpose(0, 1)
    side = weight.shape[2] - 1 - padding
    return _correlate(q, turned, side).float() * (units * filter_units.view(1, -1, 1, 1)).float()


def weight_gradient(
    values: Tensor, value_units: Tensor, gradients: Tensor, gradient_units: Tensor, shape: tuple[int, ...], padding: int
) -> Tensor:
    """Give float64 [O, C, K, L], the sum over images: exact within each, then by `over_images`."""
    sums = gradients.flatten(2) @ _patches(values, shape[2:], padding).transpose(1, 2)  # [N, O, C K L]
    units = (value_units * gradient_units).view(-1, 1, 1)
    return over_images(sums, units).view(shape)


def bias_gradient(gradients: Tensor, units: Tensor) -> Tensor:
    """Give float64 [O], the sum over images."""
    return over_images(gradients.sum((2, 3)), units.view(-1, 1))


def _correlate(q: Tensor, filters: Tensor, padding: int) -> Tensor:
    """Give float64 [N, O, H', W']; a negative padding crops."""
    side = [q.shape[2 + axis] + 2 * padding - filters.shape[2 + axis] + 1 for axis in (0, 1)]
    return (filters.flatten(1) @ _patches(q, filters.shape[2:], padding)).unflatten(2, side)


def _patches(q: Tensor, side: tuple[int, ...], padding: int) -> Tensor:
    """Give what each place of the result is a sum over: [N, C K L, H' W'], many times as fast as F.unfold."""
    wide = F.pad(q, (padding,) * 4)
    each = wide.unfold(2, side[0], 1).unfold(3, side[1], 1)  # [N, C, H', W', K, L]
    return each.permute(0, 1, 4, 5, 2, 3).flatten(4, 5).flatten(1, 3)
