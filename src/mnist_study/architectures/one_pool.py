"""One pool: eight channels, pooled once, sixteen at the end, averaged over 6x6.

Table 6 of the study; 6,290 parameters with or without dropout (the study: 3 to 5 % after each block).
"""

from torch import nn

from mnist_study.architectures.layers import block, global_average, optional_dropout, transition


def build(*, dropout: float = 0.0, classes: int = 10) -> nn.Sequential:
    """Build the network; `dropout` is the share of pixels set to zero after each block."""
    return nn.Sequential(
        *block(1, 8),
        *optional_dropout(dropout),
        *block(8, 8),
        *optional_dropout(dropout),
        *block(8, 8),
        *optional_dropout(dropout),
        *transition(8, 8),
        *block(8, 8, padding=0),
        *optional_dropout(dropout),
        *block(8, 8, padding=0),
        *optional_dropout(dropout),
        *block(8, 16, padding=0),
        *optional_dropout(dropout),
        *block(16, 16, padding=0),
        *optional_dropout(dropout),
        *global_average(),
        nn.Linear(16, classes),
    )
