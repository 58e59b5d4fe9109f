"""Which test images the networks miss, over all variants and seeds."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_study.core.errors import UserError

TIES = 5  # images whose two highest logits may be equal
Table = list[list[int]]  # counts by true and by predicted class


@dataclass(frozen=True)
class Misses:
    """What the networks, `networks` of them, answer to N test images.

    `images` uint8 [N, side, side], `labels` [N]; `counts` [N], how many networks miss an image; `answers` [N], the
    wrong class that most of those name, the lowest of equals.
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


def read(confusions: Mapping[str, list[Table]], predictions: Path, mnist: Path, side: int = 28) -> Misses:
    """Read `<name>.npz` of each variant, and the test images as IDX files; raises UserError naming a file.

    `confusions` has the confusion matrix of each seed of each variant, which its predictions must match. `download`
    has checked the images, so their headers are skipped.
    """
    images = _bytes(mnist / "t10k-images-idx3-ubyte", header=16, shape=(-1, side, side))
    labels = _bytes(mnist / "t10k-labels-idx1-ubyte", header=8, shape=(-1,))
    predicted = np.concatenate(
        [_predicted(predictions / f"{name}.npz", labels, tables) for name, tables in confusions.items()]
    )
    classes = 1 + max(int(predicted.max()), int(labels.max()))
    answered = np.stack([(predicted == label).sum(0) for label in range(classes)], axis=1)  # [N, classes]
    answered[np.arange(len(labels)), labels] = 0
    return Misses(len(predicted), images, labels, answered.sum(1), answered.argmax(1))


def _bytes(path: Path, header: int, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8, offset=header).reshape(shape)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); `dvc repro download` fetches it") from None
    except ValueError:
        raise UserError(f"{path}: cut short; `dvc repro download` fetches it again") from None


def _predicted(path: Path, labels: np.ndarray, tables: list[Table]) -> np.ndarray:
    """Read predictions uint8 [S, N]; raises UserError where they are not those that the tables count."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            predicted = file["predicted"]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); `dvc repro` makes it") from None
    except Exception:  # numpy and zipfile raise many kinds for a damaged file
        raise UserError(f"{path}: holds no predictions; delete it and run `dvc repro`") from None
    if predicted.dtype != np.uint8 or predicted.shape[1:] != labels.shape:
        raise UserError(f"{path}: predictions {list(predicted.shape)}, where there are {len(labels)} images")
    if len(predicted) != len(tables) or any(map(_differ, predicted, [labels] * len(tables), tables)):
        raise UserError(f"{path}: not what its variant was scored by; delete it and run `dvc repro`")
    return predicted


def _differ(predicted: np.ndarray, labels: np.ndarray, table: Table) -> bool:
    classes = len(table)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predicted.clip(max=classes - 1)), 1)
    return bool(np.abs(counts - np.array(table)).sum() > 2 * TIES)
