"""Metrics of the probabilities that a network gives to the test images. Each public function here is one.

To add your own, write a function: its name is the key in metrics/variants.json, the first line of its docstring stands
on the report's page, and both show its mean over the seeds. Only `report` runs again. A helper's name begins with `_`.

A function takes the labels, int [N], and the probabilities of one network, float64 [N, classes], which add up to 1. It
gives a number. Probabilities below some 1/16,384 are 0 (docs/DESIGN.md says what is kept); `test_loss` is the exact
log loss.
"""

import numpy as np

BINS = 15


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Squared distance between an image's probabilities and its label (1 for its class, 0 for others), from 0 to 2."""
    is_label = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - is_label) ** 2).sum(1).mean())


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Gap between the highest probability and the share of right answers, mean over images in 15 equal bins."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = np.ceil(confidence * BINS).astype(int)  # a bin holds its upper end (Guo et al., 2017)
    return float(np.abs(np.bincount(bins, weights=right - confidence)).sum() / len(labels))


def top_2_accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Images whose label is one of the two most probable classes, in percent."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    higher = (probabilities > own).sum(1)
    return 100 * float(((higher < 2) & (own[:, 0] > 0)).mean())
