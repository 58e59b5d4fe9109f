"""The images in memory, MNIST or others: IDX files to uint8 tensors, and the validation split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.errors import UserError


@dataclass(frozen=True)
class Split:
    """Images uint8 [N, side, side] and their labels int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    def to(self, device: str) -> "Split":
        """Give the split on the device "cpu" or "cuda"."""
        return Split(self.images.to(device), self.labels.to(device))


def training_split(folder: Path) -> Split:
    """Read the training images; MNIST has 60,000."""
    return _split(folder, "train")


def test_split(folder: Path) -> Split:
    """Read the test images; MNIST has 10,000."""
    return _split(folder, "t10k")


def hold_out(split: Split, count: int) -> tuple[Split, Split]:
    """Split the training images: those to learn from, and `count` held out, the same ones every time."""
    shuffled = order(len(split), key("hold_out"))
    held_out, rest = shuffled[:count].sort().values, shuffled[count:].sort().values
    return (
        Split(split.images[rest], split.labels[rest]),
        Split(split.images[held_out], split.labels[held_out]),
    )


def _split(folder: Path, prefix: str) -> Split:
    images = read_idx(folder / f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte", dimensions=1)
    if len(images) != len(labels):
        raise UserError(f"{folder}: {len(images)} {prefix} images but {len(labels)} labels")
    return Split(images, labels.long())


def read_idx(path: Path, *, dimensions: int) -> Tensor:
    """Read an IDX file of unsigned bytes (http://yann.lecun.com/exdb/mnist): magic, sizes, then the bytes.

    Raises UserError naming the file where it is missing, of another kind, cut short or too long.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); `dvc repro download` fetches it") from None
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes([0, 0, 8, dimensions]):
        raise UserError(f"{path}: not an IDX file of bytes in {dimensions} dimensions")
    shape = [int(size) for size in np.frombuffer(data, ">u4", count=dimensions, offset=4)]
    expected = header + int(np.prod(shape, dtype=object))
    if len(data) != expected:
        raise UserError(f"{path}: {len(data)} bytes where its header {shape} asks for {expected}")
    try:
        array = np.frombuffer(data, np.uint8, offset=header).reshape(shape)
    except ValueError:  # no bytes, and a side beyond numpy's largest
        raise UserError(f"{path}: its header {shape} describes no array") from None
    return torch.from_numpy(array.copy())
