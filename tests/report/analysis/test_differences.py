from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mnist_study.report.analysis.differences import (
    Difference,
    highest,
    holm,
    lowest,
    seeds_to_settle,
    student,
    welch,
)
from mnist_study.report.analysis.intervals import Noise

ABOVE = Difference(0.2, 0.1, 0.3, 0.01, 0.05)
UNSURE = Difference(0.1, -0.3, 0.5, 0.6, 0.2)
BELOW = Difference(-0.2, -0.3, -0.1, 0.02, 0.05)


def test_one_difference_agrees_with_scipy():
    values = [0.04, -0.01, 0.05, 0.06, 0.02]
    expected: Any = stats.ttest_1samp(values, 0)
    found = student(float(np.mean(values)), float(stats.sem(values)), 4)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_of_several_at_once_each_is_wider_and_less_significant():
    one, many = student(0.09, 0.02, 30), student(0.09, 0.02, 30, among=60)
    assert many.p == pytest.approx(60 * one.p, rel=1e-3)
    assert many.high - many.value == pytest.approx(0.02 * stats.t.ppf(1 - 0.025 / 60, 30))
    assert student(0.0, 0.02, 30, among=60).p == 1


def test_without_any_noise_only_no_difference_is_none():
    assert student(0.0, 0.0, 30) == Difference(0, 0, 0, 1, 0)
    assert student(0.1, 0.0, 30) == Difference(0.1, 0.1, 0.1, 0, 0)


def test_two_rows_of_unlike_noise_get_welchs_degrees_of_freedom():
    one, other = [99.1, 99.2, 99.4], [99.5, 99.9, 99.1, 99.7]
    noises = [Noise(float(np.std(side, ddof=1)), len(side) - 1) for side in (one, other)]
    found = welch(float(np.mean(one) - np.mean(other)), noises[0], 3, noises[1], 4, among=1)
    expected: Any = stats.ttest_ind(one, other, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)


def test_the_highest_is_above_where_one_is_and_below_where_all_are():
    assert highest([UNSURE, ABOVE, BELOW]) == Difference(0.2, 0.1, 0.5, 0.01, 0.05)
    assert highest([BELOW, Difference(-0.1, -0.2, -0.05, 0.04, 0.05)]) == Difference(-0.1, -0.2, -0.05, 0.04, 0.05)
    assert highest([BELOW, Difference(-0.1, -0.3, 0.1, 0.9, 0.1)]).p == 0.9
    assert highest([BELOW, UNSURE]).p == 0.6


def test_the_lowest_is_the_highest_turned_round():
    assert lowest([UNSURE, ABOVE, BELOW]) == Difference(-0.2, -0.3, -0.1, 0.02, 0.05)
    assert lowest([ABOVE, Difference(0.3, 0.1, 0.5, 0.03, 0.1)]) == Difference(0.2, 0.1, 0.3, 0.03, 0.05)


def test_p_values_are_adjusted_by_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_with_the_seeds_named_four_studies_of_five_find_the_difference():
    # 0.05 points, standard deviation of a network 0.1: t of a mean of n is 0.05 / 0.1 * sqrt(n)
    found = student(0.05, 0.1 / np.sqrt(5), 1e9)
    needed = seeds_to_settle(found, 5, tests=1) or 0
    assert needed == np.ceil((1.959964 + 0.841621) ** 2 * 4)
    draws = np.random.default_rng(0).normal(0.05, 0.1 / np.sqrt(needed), 20_000)
    assert np.mean(draws > 1.96 * 0.1 / np.sqrt(needed)) == pytest.approx(0.8, abs=0.02)
    assert (seeds_to_settle(found, 5, tests=20) or 0) > needed
    assert seeds_to_settle(student(0.05, 0.03, 30, among=60), 5, tests=20) == 44  # of the normal approximation alone
    assert seeds_to_settle(-found, 5, tests=1) == needed
    assert seeds_to_settle(student(0.0, 0.1, 4), 5, tests=1) is None


@pytest.mark.parametrize("count", [0, 1, 2, 15])
def test_holms_method_is_that_of_statsmodels(count: int):
    values = np.random.default_rng(count).random(count) ** 3
    expected: Any = multipletests(values, method="holm")[1] if count else []
    assert holm(values.tolist()) == list(expected)
