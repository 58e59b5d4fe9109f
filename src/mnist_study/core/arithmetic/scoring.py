"""Logits of whole sets of images, and what is measured by them."""

import torch
from torch import Tensor

from mnist_study.core.arithmetic import step
from mnist_study.core.arithmetic.head import LOSS_UNITS, loss_and_slope
from mnist_study.core.arithmetic.network import Network
from mnist_study.core.arithmetic.pixels import STEPS, normalised

BATCH = 250  # bounds memory; an image's logits do not depend on its batch


def logits(network: Network, images: Tensor, mean: float, sd: float) -> Tensor:
    """Give float32 logits [N, classes] of uint8 images [N, H, W], normalised by mean and standard deviation."""
    parts = (normalised(batch.long() * STEPS, mean, sd) for batch in images.split(BATCH))
    return torch.cat([step.logits(network, *part) for part in parts])


def measure(logits: Tensor, labels: Tensor, name: str) -> dict[str, float]:
    """Give mean loss in nats and accuracy in percent, under keys that begin with the split's name."""
    losses, _ = loss_and_slope(logits, labels, 0.0)
    correct = int((logits.argmax(1) == labels).sum())
    return {
        f"{name}_loss": int(losses.sum()) / LOSS_UNITS / len(labels),
        f"{name}_accuracy": 100 * correct / len(labels),
    }
