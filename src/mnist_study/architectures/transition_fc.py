"""Transition with FC: dropout, a normed last block, a 1x1 convolution to a channel a class, and a linear layer.

Table 3 of the study; 9,320 parameters. The study does not print the dropout rate.
"""

from torch import nn

from mnist_study.architectures.layers import block, dropout_block, global_average, transition


def build(*, dropout: float = 0.05, classes: int = 10) -> nn.Sequential:
    """Build the network; `dropout` is the share of pixels set to zero after the first convolution."""
    return nn.Sequential(
        *dropout_block(1, 4, rate=dropout),
        *block(4, 8),
        *block(8, 12),
        *block(12, 16),
        *block(16, 20),
        *transition(20, 4),
        *block(4, 8, padding=0),
        *block(8, 12, padding=0),
        *block(12, 16, padding=0),
        nn.Conv2d(16, classes, 1),
        *global_average(),
        nn.Linear(classes, classes),
    )
