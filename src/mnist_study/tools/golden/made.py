"""Inputs made by the arithmetic's hash, so that nothing but the hash need be right to have them."""

import torch
from torch import Tensor

from mnist_study.core.arithmetic.fixed_point import power
from mnist_study.core.arithmetic.random_words import key, words
from mnist_study.core.mnist import Split


def numbers(name: str, *shape: int, spread: int = 0) -> Tensor:
    """Give float32 between -1 and 1; each index of the first axis is 2^spread times as small as the one before."""
    count = torch.Size(shape).numel()
    whole = (words(key("golden", name), torch.arange(count)) >> 8).double() - 2.0**23
    scale = power(-spread * torch.arange(shape[0])).view(-1, *[1] * (len(shape) - 1))
    return (whole.view(shape) * 2.0**-23 * scale).float()


def images(name: str, count: int, side: int = 28, classes: int = 10) -> Split:
    """Give bytes in blocks of 4 x 4, each black or of noisy grey, a third of them lit; labels are hashes, too."""
    stream = key("golden images", name)
    blocks = -(-side // 4)
    lit = words(stream, torch.arange(count * blocks * blocks)).view(count, blocks, blocks) % 3 == 0
    lit = lit.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :side, :side]
    grey = words(key("golden greys", name), torch.arange(count * side * side)).view(count, side, side) >> 24
    labels = words(key("golden labels", name), torch.arange(count)) % classes
    return Split(torch.where(lit, grey, 0).to(torch.uint8), labels)
