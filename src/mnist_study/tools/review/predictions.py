"""Which test images each network gets right, from the predictions that `evaluate` kept."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mnist_study.tools.review.revision import Revision

HEADER = 8  # bytes before the labels; `download` has checked the file's SHA-256


def read_labels(path: Path) -> np.ndarray | None:
    """Read the test labels [N] from an IDX file; None where it is not there."""
    return np.frombuffer(path.read_bytes(), np.uint8, offset=HEADER) if path.exists() else None


def right(revision: Revision, variant: str, labels: np.ndarray) -> np.ndarray | None:
    """Tell which images each network gets right, bool [S, N]; None where there are no predictions of these images."""
    predicted = _field(revision, variant, "predicted")
    return predicted == labels if predicted is not None and predicted.shape[1:] == labels.shape else None


def share_seeds(revision: Revision, variants: Iterable[str]) -> bool:
    """Tell whether two of these variants have a seed in common."""
    found = [_field(revision, variant, "seeds") for variant in variants]
    seeds = [int(seed) for each in found if each is not None for seed in each]
    return len(seeds) > len(set(seeds))


def _field(revision: Revision, variant: str, name: str) -> np.ndarray | None:
    content = revision.result(f"results/predictions/{variant}.npz")
    if content is None:
        return None
    with np.load(io.BytesIO(content)) as file:
        return file[name]
