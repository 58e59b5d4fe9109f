"""What follows a convolution: its result is stored, then normed, cut off at zero, dropped out and pooled.

All of it works on single numbers in float32, but for a batch norm's sums, which are sums of integers over the images.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic.fixed_point import STATISTIC, STORED, exponent_of, over_images, rounded, unit
from mnist_study.core.arithmetic.functions import square_root
from mnist_study.core.arithmetic.network import Cell
from mnist_study.core.arithmetic.random_words import Key, keys, words
from mnist_study.core.errors import UserError

Gradients = dict[Tensor, Tensor]  # by parameter, summed over images, float64
TINY = 2.0**-100  # statistics and momentum below count as zero, before they become denormal
MOST_VALUES = 2**23  # of a channel in a batch
SHARES = 65536  # a dropout's rate is rounded to 65,536ths


@dataclass(frozen=True)
class Stored:
    """What one layer leaves to the next: integers [N, C, H, W] of 16 bits, a unit [N, C, 1, 1] for each channel."""

    q: Tensor
    units: Tensor

    def numbers(self) -> Tensor:
        """Give float32 numbers, exactly."""
        return (self.q * self.units).float()

    def sum(self) -> Tensor:
        """Give the integers' sum over each channel, [N, C]."""
        return self.q.sum((2, 3))

    def statistic(self) -> Tensor:
        """Give the integers with the two last bits rounded away."""
        return (self.q * 2.0 ** (STATISTIC - STORED)).round()


def store(numbers: Tensor) -> Stored:
    """Round float32 [N, C, H, W] with an exponent for each image and channel, from its own largest magnitude."""
    exponent = exponent_of(numbers.abs().amax((2, 3), keepdim=True))
    return Stored(rounded(numbers, STORED, exponent), unit(STORED, exponent))


@dataclass(frozen=True)
class Norm:
    """A batch norm's statistics in float64 [C], and how many values they are of."""

    mean: Tensor
    variance: Tensor
    count: Tensor

    @classmethod
    def of(cls, stored: Stored) -> "Norm":
        """Measure a batch; raises UserError where `value_count` does."""
        n, _, height, width = stored.q.shape
        count = torch.tensor(float(value_count(n, height, width)), dtype=torch.float64, device=stored.q.device)
        units, statistic = stored.units.flatten(1), stored.statistic()
        wide = units * 2.0 ** (STORED - STATISTIC)
        mean = over_images(stored.sum(), units) / count
        square = over_images((statistic * statistic).sum((2, 3)), wide * wide) / count
        return cls(mean, (square - mean * mean).clamp_min(0.0), count)

    def inverse(self, layer: nn.BatchNorm2d) -> Tensor:
        """Give 1 / standard deviation."""
        return 1.0 / square_root(self.variance + layer.eps)

    def update(self, layer: nn.BatchNorm2d) -> None:
        """Move the running statistics a tenth of the way, in float64, then round once."""
        mean, variance, batches = layer.running_mean, layer.running_var, layer.num_batches_tracked
        assert mean is not None
        assert variance is not None
        assert batches is not None
        unbiased = self.variance * (self.count / (self.count - 1.0))
        for old, new in ((mean, self.mean), (variance, unbiased)):
            moved = (old.double() * 0.9 + new * 0.1).float()
            old.copy_(torch.where(moved.abs() < TINY, 0.0, moved))
        batches += 1


def value_count(n: int, height: int, width: int) -> int:
    """Count a channel's values in a batch; raises UserError where there is one, or so many that sums pass 2^53."""
    values = n * height * width
    if not 1 < values <= MOST_VALUES:
        raise UserError(f"a batch norm has {n} of {height} x {width} values; allowed are 2 to {MOST_VALUES:,}")
    return values


def running(layer: nn.BatchNorm2d) -> Norm:
    """Give the statistics of scoring."""
    assert layer.running_mean is not None
    assert layer.running_var is not None
    return Norm(layer.running_mean.double(), layer.running_var.double(), torch.ones(()))


def dropped_shares(rate: float) -> int:
    """Give the rate in 65,536ths."""
    return min(round(rate * SHARES), SHARES - 1)


def keeps(cell: Cell, stream: Key, images: Tensor, like: Tensor) -> Tensor:
    """Tell by a hash which values [N, C, H, W] stay; `images` are their numbers among the training images.

    One word serves two neighbours in the order channel, row, column: its low 16 bits the first, its high 16 the second.
    """
    place = torch.arange(like[0].numel(), device=like.device)
    first, second = keys(stream, images)
    pairs = words((first.view(-1, 1), second.view(-1, 1)), (place >> 1).view(1, -1))
    halves = torch.where(place & 1 == 0, pairs & 0xFFFF, pairs >> 16)
    return (halves >= dropped_shares(cell.dropout)).view(like.shape)


@dataclass(frozen=True)
class Chain:
    """A cell's chain at one batch: what was stored, the values before pooling, what dropout keeps."""

    cell: Cell
    stored: Stored
    norm: Norm | None
    factor: float  # of the dropout
    kept: Tensor | None
    values: Tensor
    largest: Tensor  # [N, 1, 1, 1], of the values before dropout

    def pooled(self) -> Tensor:
        """Give what the next layer takes, float32."""
        return windows(self.values).amax(-1) if self.cell.pool else self.values


def forward(cell: Cell, stored: Stored, norm: Norm | None, kept: Tensor | None) -> Chain:
    """Go through the chain; `norm` has the batch's statistics or the running ones, `kept` is None in scoring."""
    factor = 1.0 if kept is None else SHARES / (SHARES - dropped_shares(cell.dropout))
    values = stored.numbers()
    if cell.norm is not None and norm is not None:
        scale = cell.norm.weight.double() * norm.inverse(cell.norm)
        shift = cell.norm.bias.double() - norm.mean * scale
        values = values * _float32(scale * factor) + _float32(shift * factor)
    elif factor != 1.0:
        values = values * _float32(torch.full((1,), factor, dtype=torch.float64, device=values.device))
    if cell.last_relu:
        values = values.clamp_min(0.0)
    largest = values.abs().amax((1, 2, 3), keepdim=True)
    if kept is not None:
        values = torch.where(kept, values, 0.0)
    return Chain(cell, stored, norm, factor, kept, values, largest)


def backward(chain: Chain, gradient: Stored) -> tuple[Tensor, Tensor, Gradients]:
    """Go back through the chain.

    `gradient` is that of what the next layer took. Gives the gradient of the convolution's result, float32; for each
    image a bound of its magnitude, [N, 1, 1, 1]; and the norm's gradients, summed over images in float64.
    """
    cell, stored, norm = chain.cell, chain.stored, chain.norm
    q = unpooled(chain.values, gradient.q) if cell.pool else gradient.q
    if chain.kept is not None:
        q = torch.where(chain.kept, q, 0.0)
    if cell.last_relu:
        q = torch.where(chain.values > 0, q, 0.0)
    arrived = Stored(q, gradient.units)
    numbers = arrived.numbers()
    largest = (gradient.q.abs().amax((2, 3), keepdim=True) * gradient.units).float()
    gradients: Gradients = {}
    if cell.norm is None or norm is None:
        factor = _float32(torch.full((1,), chain.factor, dtype=torch.float64, device=q.device))
        result, bound = numbers * factor, largest * factor
    else:
        first = over_images(arrived.sum(), arrived.units.flatten(1)) * chain.factor
        product = (arrived.statistic() * stored.statistic()).sum((2, 3))
        units = (arrived.units * stored.units).flatten(1) * 2.0 ** (2 * (STORED - STATISTIC))
        second = over_images(product, units) * chain.factor
        inverse = norm.inverse(cell.norm)
        scale = cell.norm.weight.double() * inverse
        weight_gradient = (second - norm.mean * first) * inverse
        of_value = -(scale * inverse * weight_gradient) / norm.count
        constant = -(scale * first) / norm.count - of_value * norm.mean
        gradients = {cell.norm.weight: weight_gradient, cell.norm.bias: first}
        a, b, c = _float32(scale * chain.factor), _float32(of_value), _float32(constant)
        values = stored.numbers()
        result = numbers * a + (values * b + c)
        ends = [end * b + c for end in (values.amax((2, 3), keepdim=True), values.amin((2, 3), keepdim=True))]
        bound = largest * a.abs() + torch.maximum(ends[0].abs(), ends[1].abs())
    if cell.first_relu:
        result = torch.where(stored.q > 0, result, 0.0)
        # A channel that is closed everywhere has no variance, so its coefficients would make its bound a large one.
        bound = torch.where(stored.q.amax((2, 3), keepdim=True) > 0, bound, 0.0)
    return result, bound.amax(1, keepdim=True), gradients


def windows(values: Tensor) -> Tensor:
    """Give [N, C, H // 2, W // 2, 4]: each pooling window row by row; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in values.shape[2:])
    cut = values[:, :, :height, :width].unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
    return cut.transpose(3, 4).flatten(4)


def unpooled(values: Tensor, q: Tensor) -> Tensor:
    """Hand each window's gradient to the first of its largest values; all else is 0."""
    each = windows(values)
    largest = each == each.amax(-1, keepdim=True)
    first = largest & (largest.cumsum(-1) == 1)
    height, width = q.shape[2:]
    spread = torch.where(first, q.unsqueeze(-1), 0.0).unflatten(4, (2, 2)).transpose(3, 4)
    whole = torch.zeros_like(values, dtype=torch.float64)
    whole[:, :, : 2 * height, : 2 * width] = spread.reshape(*q.shape[:2], 2 * height, 2 * width)
    return whole


def _float32(coefficients: Tensor) -> Tensor:
    return coefficients.float().view(1, -1, 1, 1)
