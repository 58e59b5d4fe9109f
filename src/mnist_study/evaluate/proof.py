"""Which bits a network computes, in one line: the SHA-256 of its logits of images made by a hash.

The site's page of the proof computes it again in a browser.
"""

import hashlib

import torch
from torch import Tensor

IMAGES = 16
BLOCK = 32  # bytes of a SHA-256


def images(side: int) -> Tensor:
    """Make the proof's images, uint8 [IMAGES, side, side]: docs/site.md says how.

    Block b of image i is the SHA-256 of the ASCII text `mnist-study proof i b`; an image is its blocks one after
    another, cut to its size. In every second image a byte below 192 becomes 0, so that it is black for the most part,
    as a digit is.
    """
    blocks = -(-side * side // BLOCK)
    made = []
    for number in range(IMAGES):
        texts = (f"mnist-study proof {number} {block}" for block in range(blocks))
        pixels = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)[: side * side]
        image = torch.tensor(list(pixels), dtype=torch.uint8).view(side, side)
        made.append(image if number % 2 == 0 else torch.where(image < 192, 0, image))
    return torch.stack(made)


def sha256(logits: Tensor) -> str:
    """Hash logits float32 [N, classes] in hexadecimal: little end first, image by image."""
    return hashlib.sha256(logits.numpy().astype("<f4").tobytes()).hexdigest()
