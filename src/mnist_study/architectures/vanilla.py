"""Vanilla: five padded blocks to a receptive field of 11, a transition, three unpadded ones, GAP, linear.

Table 1 of the study; 9,186 parameters.
"""

from torch import nn

from mnist_study.architectures.layers import block, global_average, transition


def build(*, classes: int = 10) -> nn.Sequential:
    """Build the network."""
    return nn.Sequential(
        *block(1, 4),
        *block(4, 8),
        *block(8, 12),
        *block(12, 16),
        *block(16, 20),
        *transition(20, 4),
        *block(4, 8, padding=0),
        *block(8, 12, padding=0),
        nn.Conv2d(12, 16, 3),
        nn.ReLU(),
        *global_average(),
        nn.Linear(16, classes),
    )
