import numpy as np
import pytest
from scipy import stats

from mnist_study.report.analysis.intervals import Noise, mean_interval, seed_noise, two_proportions, wilson


@pytest.mark.parametrize("correct", [0, 1, 5000, 9940, 9999, 10_000])
def test_wilson_agrees_with_scipy(correct):
    expected = stats.binomtest(correct, 10_000).proportion_ci(0.95, method="wilson")
    assert wilson(correct / 100) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)


def test_the_interval_of_a_mean_agrees_with_scipy():
    values = [99.41, 99.36, 99.44, 99.39, 99.42]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)
    assert mean_interval([99.4, 99.4]) == (99.4, 99.4)


def test_one_seed_gives_no_interval_of_a_mean():
    with pytest.raises(ValueError, match="two seeds"):
        mean_interval([99.4])


def test_two_proportions_by_hand():
    # One success and one failure more each: p = 9941 / 10002, q = 9931 / 10002 (Agresti and Caffo, 2000)
    p, q = 9941 / 10_002, 9931 / 10_002
    half = 1.959964 * np.sqrt((p * (1 - p) + q * (1 - q)) / 10_002)
    assert two_proportions(99.4, 99.3) == pytest.approx((100 * (p - q - half), 100 * (p - q + half)), abs=1e-5)
    low, high = two_proportions(100.0, 100.0)
    assert low < 0 < high


def test_the_noise_of_seeds_is_pooled_within_groups():
    noise = seed_noise([[99.1, 99.3], [99.8], [99.4, 99.5, 99.6]])
    assert noise is not None
    assert noise.sd == pytest.approx(np.sqrt((2 * 0.1**2 + 2 * 0.1**2) / 3))
    assert noise.df == 3
    assert seed_noise([[99.1], [99.3]]) is None


def test_one_more_run_may_differ_by_its_own_luck_too():
    noise = Noise(0.05, 120)
    assert noise.run_margin(3) == pytest.approx(stats.t.ppf(0.975, 120) * 0.05 * np.sqrt(1 + 1 / 3))
