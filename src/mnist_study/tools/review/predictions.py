"""Which test images each network gets right, from the predictions that `evaluate` kept."""

import io
from pathlib import Path

import numpy as np

from mnist_study.tools.review.revision import Revision

HEADER = 8  # bytes before the labels; `download` has checked the file's SHA-256


def read_labels(path: Path) -> np.ndarray | None:
    """Read the test labels [N] from an IDX file; None where it is not there."""
    return np.frombuffer(path.read_bytes(), np.uint8, offset=HEADER) if path.exists() else None


def right(revision: Revision, variant: str, labels: np.ndarray) -> np.ndarray | None:
    """Tell which images each network gets right, bool [S, N]; None where there are no predictions of these images."""
    content = revision.result(f"results/predictions/{variant}.npz")
    if content is None:
        return None
    with np.load(io.BytesIO(content)) as file:
        predicted = file["predicted"]
    return predicted == labels if predicted.shape[1:] == labels.shape else None
