"""Logits of a network in evaluation mode; loss and accuracy over a split."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_study.core.augmentation import Policy, normalise

BATCH = 1000  # bounds memory; in evaluation mode an image's logits do not depend on its batch


@torch.no_grad()
def logits(network: nn.Module, images: Tensor) -> Tensor:
    """Give float32 logits [N, classes] of normalised images [N, 1, side, side]; the network keeps its mode."""
    was_training = network.training
    network.eval()
    batch_logits = network(images).float()
    network.train(was_training)
    return batch_logits


def all_logits(forward: Callable[[Tensor], Tensor], images: Tensor, policy: Policy) -> Tensor:
    """Normalise uint8 images [N, side, side] a batch at a time and send them through `forward`: [N, classes]."""
    return torch.cat([forward(normalise(batch, policy)) for batch in images.split(BATCH)])


def measure(logits: Tensor, labels: Tensor, name: str) -> dict[str, float]:
    """Give mean loss and accuracy of logits [N, classes], under keys that begin with the split's name."""
    return {
        f"{name}_loss": F.cross_entropy(logits, labels).item(),
        f"{name}_accuracy": accuracy(logits, labels),
    }


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Give the top-1 accuracy in percent."""
    return 100 * (logits.argmax(1) == labels).double().mean().item()
