import numpy as np
import pytest

from mnist_study.report.probability_metrics import brier_score, expected_calibration_error, top_2_accuracy

LABELS = np.array([0, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.75, 0.25, 0.0],  # right
        [0.75, 0.25, 0.0],  # the label comes second
        [0.5, 0.25, 0.25],  # the label shares the second place
        [0.75, 0.25, 0.0],  # the label has nothing
    ]
)


def test_brier_score_is_the_mean_squared_distance():
    squares = [0.25**2 * 2, 0.75**2 * 2, 0.5**2 + 0.25**2 + 0.75**2, 0.75**2 + 0.25**2 + 1]
    assert brier_score(LABELS, PROBABILITIES) == sum(squares) / 4
    assert brier_score(LABELS, np.eye(3)[LABELS]) == 0
    assert brier_score(LABELS, np.eye(3)[[1, 2, 0, 0]]) == 2


def test_calibration_error_weighs_each_bins_gap_by_its_images():
    # Three images at 0.75, one of them right; one at 0.5, wrong.
    expected = 3 / 4 * (0.75 - 1 / 3) + 1 / 4 * 0.5
    assert expected_calibration_error(LABELS, PROBABILITIES) == pytest.approx(expected, abs=1e-15)
    assert expected_calibration_error(LABELS, np.eye(3)[LABELS]) == 0


def test_gaps_cancel_within_a_bin_but_not_between_bins():
    labels = np.array([0, 1])
    near, apart = np.array([[0.62, 0.38], [0.64, 0.36]]), np.array([[0.6, 0.4], [0.8, 0.2]])
    assert expected_calibration_error(labels, near) == pytest.approx(0.13)  # one of two right, 0.63 on average
    assert expected_calibration_error(labels, apart) == pytest.approx((0.4 + 0.8) / 2)


def test_a_bin_holds_its_upper_end():
    """0.8 is the upper end of the 12th of 15 bins, 0.78 lies within it."""
    labels, probabilities = np.array([0, 1]), np.array([[0.8, 0.2], [0.78, 0.22]])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.29)


def test_top_2_accuracy_counts_labels_in_second_place():
    assert top_2_accuracy(LABELS, PROBABILITIES) == 75
    assert top_2_accuracy(LABELS, np.eye(3)[[0, 0, 0, 2]]) == 50  # what has nothing is not second
