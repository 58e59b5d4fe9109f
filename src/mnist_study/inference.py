"""Class scores of a network for a split, in evaluation mode."""

import torch
from torch import Tensor, nn

from mnist_study.augmentation import Policy, normalise

BATCH = 1000  # bounds memory; in evaluation mode an image's scores do not depend on its batch


@torch.no_grad()
def scores(model: nn.Module, images: Tensor, policy: Policy) -> Tensor:
    """Score uint8 images [N, 28, 28] as float32 [N, 10]; the model is left in the mode that it was in."""
    was_training = model.training
    model.eval()
    batches = [model(normalise(batch, policy)) for batch in images.split(BATCH)]
    model.train(was_training)
    return torch.cat(batches).float()


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Give the top-1 accuracy in percent."""
    return 100 * (scores.argmax(1) == labels).double().mean().item()
