"""The arithmetic of integers (core/arithmetic) as Halide kernels: the same bits, many times as fast.

Tests hold them against the reference. No stage depends on this folder, so a change here trains nothing again.
"""

import os
from importlib.util import find_spec
from typing import Protocol

from torch import Tensor, device, nn

from mnist_study.core.arithmetic.chain import Gradients
from mnist_study.core.arithmetic.network import Network
from mnist_study.core.arithmetic.optimiser import Optimiser
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.arithmetic.step import Result
from mnist_study.core.policy import Policy

LARGEST_SIDE = 31  # a row's products of 14 bits must fit into 32
SCORED = 64  # images at once
KINDS = {  # of augmentation, whose files, by SHA-256, the kernels agree with
    "affine": "99a9c1957fe400948e89f7fa600163bcd53e5028468996f65ce059d3f58a2bcc",
    "blur": "c863e890e333adf9f7640a98227056ac86b1baded04b9fd53f2758bc541fbe3a",
    "brightness": "72c627e9f50887376cca9233aabd4fe06f240630de2ce710bc4d33e770f254e3",
    "contrast": "39e3fb448300ed77b43483495ea5bb7db3b2250d2fb709fae42e7b73dd2b8ddb",
    "noise": "36de290d64ce718d40417eb3921daff8819b64e7db7ac1f977e6e24904e7217f",
}


class Trains(Protocol):
    """What computes steps: see `Reference`."""

    def forward_backward(
        self, pixels: Tensor, labels: Tensor, numbers: Tensor, dropout: list[Key], smoothing: float
    ) -> Result:
        """Compute losses and gradients."""
        ...

    def descend(self, optimiser: Optimiser, gradients: Gradients, images: int, rate: float) -> None:
        """Take one step along what `forward_backward` has just given."""
        ...

    def average(self, average: nn.Module, model: nn.Module, decay: float, *, first: bool) -> None:
        """Move the average."""
        ...


class Scores(Protocol):
    """What computes logits: see `Reference`."""

    def logits(self, images: Tensor) -> Tensor:
        """Give logits."""
        ...


def trains(network: Network, images: Tensor, batch_size: int, mean: float, sd: float) -> Trains:
    """Give kernels for batches of such images [N, H, W], or the reference where `unsupported` says why not.

    Kernels compute in the memory of parameters, statistics and momentum, which must not move.
    """
    if unsupported(network, images.shape[1:], images.device):
        return Reference(network, mean, sd)
    from mnist_study.kernels.network import Training

    return Training(network, images.shape[1], batch_size, mean, sd)


def scores(network: Network, images: Tensor, mean: float, sd: float) -> Scores:
    """Give kernels that score such images, or the reference."""
    if unsupported(network, images.shape[1:], images.device):
        return Reference(network, mean, sd)
    from mnist_study.kernels.network import Scoring

    return Scoring(network, images.shape[1], min(len(images), SCORED), mean, sd)


def augment(images: Tensor, numbers: Tensor, policy: Policy, seed: int, epoch: int) -> Tensor:
    """As `augmentation.augment`, by a kernel unless a kind of the policy is new or has been edited."""
    if _absent(images.device) or not policy.kinds.items() <= KINDS.items():
        from mnist_study.augmentation import augment  # here, since evaluation does not depend on it
    else:
        from mnist_study.kernels.kinds import augment

    return augment(images, numbers, policy, seed, epoch)


def _absent(where: device) -> str | None:
    """Tell why there are no kernels at all, or None."""
    if os.environ.get("MNIST_STUDY_REFERENCE"):
        return "MNIST_STUDY_REFERENCE is set"
    if where.type != "cpu":
        return f"they compute on the processor, not on {where.type}"
    return "Halide is not installed" if find_spec("halide") is None else None


def unsupported(network: Network, shape: tuple[int, ...], where: device) -> str | None:
    """Tell why the kernels cannot compute this network, or None where they can.

    MNIST_STUDY_REFERENCE asks for the reference.
    """
    if absent := _absent(where):
        return absent
    height, width = shape
    if height != width or height > LARGEST_SIDE:
        return f"images are {height} x {width}; allowed are squares of at most {LARGEST_SIDE}"
    side = height
    for cell in network.cells:
        size, padding = cell.convolution.kernel_size[0], int(cell.convolution.padding[0])
        side += 2 * padding - size + 1
        if padding >= size:
            return f"a convolution of {size} x {size} has padding {padding}"
        if side > LARGEST_SIDE or side < 1:
            return f"a convolution gives {side} x {side}"
        side = side // 2 if cell.pool else side
    return None
