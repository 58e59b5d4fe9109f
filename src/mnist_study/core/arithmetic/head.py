"""The end of a network: the average over the image, the linear layer, the loss and their gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic import fixed_point, functions
from mnist_study.core.arithmetic.chain import Gradients, Stored, store
from mnist_study.core.arithmetic.fixed_point import SLOPE, VALUE, exponent_of, over_images, rounded, unit

LOSS_UNITS = 2.0**32  # losses are added up in 2^-32 nats
POWER_UNITS = 2.0**40  # and so are the powers of a softmax, in 2^-40


def average(values: Tensor) -> Tensor:
    """Average float32 [N, C, H, W] over the image, as integers: float32 [N, C]."""
    stored = store(values)
    count = torch.tensor(float(values.shape[2] * values.shape[3]), dtype=torch.float64, device=values.device)
    return (stored.sum() * stored.units.flatten(1) / count).float()


def spread(gradient: Tensor, shape: torch.Size) -> Stored:
    """Hand the gradient of the averages, float32 [N, C], back to each place of [N, C, H, W]."""
    count = torch.tensor(float(shape[2] * shape[3]), dtype=torch.float64, device=gradient.device)
    return store((gradient.double() / count).float()[:, :, None, None].expand(shape))


@dataclass(frozen=True)
class Features:
    """What the linear layer multiplies: integers [N, C] and units [N, 1]."""

    q: Tensor
    units: Tensor

    @classmethod
    def of(cls, numbers: Tensor, bits: int = VALUE) -> "Features":
        """Round float [N, C] with an exponent for each image."""
        exponent = exponent_of(numbers.abs().amax(1, keepdim=True))
        return cls(rounded(numbers, bits, exponent), unit(bits, exponent))


def logits(head: nn.Linear | None, averages: Tensor) -> Tensor:
    """Give float32 [N, classes]."""
    if head is None:
        return averages + 0.0
    features = Features.of(averages)
    weight, units = fixed_point.of_weights(head.weight, (1,))
    return (features.q @ weight.t()).float() * (features.units * units.t()).float() + head.bias + 0.0


def probabilities(logits: Tensor) -> Tensor:
    """Give float64 [N, classes]; the powers are added up as integers of 2^-40, so that their sum has no order."""
    powers = (functions.exp(_below(logits)) * POWER_UNITS).round()
    return powers / powers.sum(1, keepdim=True)


def _below(logits: Tensor) -> Tensor:
    """Give each logit's distance from its image's largest: at most 0, at least -700, so that a loss has a bound."""
    wide = logits.double()
    return (wide - wide.amax(1, keepdim=True)).clamp_min(-700.0)


def loss_and_slope(logits: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Give each image's cross-entropy in 2^-32 nats, int64 [N], and its gradient by the logits, float64 [N, classes].

    With label smoothing s of K classes each class's share is s / K, the label's 1 - s more.
    """
    below = _below(logits)
    powers = (functions.exp(below) * POWER_UNITS).round()
    total = powers.sum(1, keepdim=True)
    log_shares = below - (functions.log(total) - functions.log(torch.full_like(total, POWER_UNITS)))
    classes = torch.tensor(float(logits.shape[1]), dtype=torch.float64, device=logits.device)
    own = -log_shares.gather(1, labels.view(-1, 1)).squeeze(1)
    slope = powers / total
    is_label = torch.zeros_like(slope).scatter_(1, labels.view(-1, 1), 1.0)
    if smoothing == 0:
        return (own * LOSS_UNITS).round().long(), slope - is_label
    spread_out = -(log_shares * LOSS_UNITS).round().sum(1) / classes  # integers, so that the sum has no order
    losses = own * LOSS_UNITS * (1.0 - smoothing) + spread_out * smoothing
    share = torch.full_like(slope, smoothing) / classes
    return losses.round().long(), slope - (is_label * (1.0 - smoothing) + share)


def backward(head: nn.Linear | None, averages: Tensor, slope: Tensor) -> tuple[Tensor, Gradients]:
    """Give the gradient of the averages, float32 [N, C], and the layer's own, summed over images in float64."""
    slopes = Features.of(slope, SLOPE)
    if head is None:
        return (slopes.q * slopes.units).float(), {}
    features = Features.of(averages)
    sums = slopes.q[:, :, None] * features.q[:, None, :]
    units = (slopes.units * features.units).unsqueeze(2)
    gradients = {head.weight: over_images(sums, units), head.bias: over_images(slopes.q, slopes.units)}
    weight, weight_units = fixed_point.of_weights(head.weight, (0,))
    return (slopes.q @ weight).float() * (slopes.units * weight_units).float(), gradients
