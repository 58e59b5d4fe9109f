"""Which test images the networks miss, over all variants and seeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_study.errors import StudyError

SIDE = 28
CLASSES = 10


@dataclass(frozen=True)
class Misses:
    """What `networks` networks answer to N test images.

    `images` uint8 [N, 28, 28], `labels` [N]; `counts` [N], how many networks miss an image; `answers` [N], the wrong
    class that most of those name, the lowest of equals.
    """

    networks: int
    images: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    answers: np.ndarray

    def hardest(self, most: int) -> np.ndarray:
        """Give the places of the images that more than half of the networks miss, hardest first, at most that many."""
        order = np.argsort(-self.counts, kind="stable")[:most]
        return order[self.counts[order] > self.networks / 2]


def read(names: Iterable[str], predictions: Path, mnist: Path) -> Misses:
    """Read `<name>.npz` of each variant, and the test images as IDX files; raises StudyError naming a file.

    `download` has checked the images' SHA-256, so their headers are skipped.
    """
    images = _bytes(mnist / "t10k-images-idx3-ubyte", header=16).reshape(-1, SIDE, SIDE)
    labels = _bytes(mnist / "t10k-labels-idx1-ubyte", header=8)
    predicted = np.concatenate([_predicted(predictions / f"{name}.npz", len(labels)) for name in names])
    answered = np.stack([(predicted == digit).sum(0) for digit in range(CLASSES)], axis=1)  # [N, 10]
    answered[np.arange(len(labels)), labels] = 0
    return Misses(len(predicted), images, labels, answered.sum(1), answered.argmax(1))


def _bytes(path: Path, header: int) -> np.ndarray:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8, offset=header)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}); `dvc repro download` fetches it") from None


def _predicted(path: Path, images: int) -> np.ndarray:
    """Read predictions uint8 [S, N]."""
    try:
        with np.load(path) as file:
            predicted = file["predicted"]
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}); `dvc repro` makes it") from None
    if predicted.shape[1] != images:
        raise StudyError(f"{path}: predictions for {predicted.shape[1]} images, where there are {images}")
    return predicted
