"""Logits of a network by torch, in evaluation mode."""

import torch
from torch import Tensor, nn

from mnist_study.core.arithmetic.pixels import STEPS, normalised
from mnist_study.core.policy import Policy

BATCH = 1000  # bounds memory; in evaluation mode an image's logits do not depend on its batch


@torch.no_grad()
def logits(network: nn.Module, images: Tensor, policy: Policy) -> Tensor:
    """Give float32 logits [N, classes] of uint8 images [N, side, side]; the network keeps its mode."""
    was_training = network.training
    network.eval()
    batches = (normalised(batch.long() * STEPS, policy.mean, policy.sd)[0] for batch in images.split(BATCH))
    all_logits = torch.cat([network(batch) for batch in batches])
    network.train(was_training)
    return all_logits
