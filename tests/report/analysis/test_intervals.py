import numpy as np
import pytest
from scipy import stats

from mnist_study.report.analysis.intervals import (
    Noise,
    agrees,
    difference_interval,
    holm,
    mean_interval,
    pair_margin,
    seed_noise,
    verdict,
    wilson,
)


@pytest.mark.parametrize("correct", [0, 1, 5000, 9940, 9999, 10_000])
def test_wilson_agrees_with_scipy(correct):
    expected = stats.binomtest(correct, 10_000).proportion_ci(0.95, method="wilson")
    assert wilson(correct / 100) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)


def test_the_interval_of_a_mean_agrees_with_scipy():
    values = [99.41, 99.36, 99.44, 99.39, 99.42]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)


def test_one_seed_gives_no_interval_of_a_mean():
    with pytest.raises(ValueError, match="two seeds"):
        mean_interval([99.4])


def test_the_interval_of_a_difference_by_hand():
    # sd = sqrt(0.994 * 0.006 / 10000 + 0.993 * 0.007 / 10000) = 0.0011364; times 1.959964: 0.22273 points
    assert difference_interval(99.4, 99.3) == pytest.approx((0.1 - 0.22273, 0.1 + 0.22273), abs=1e-4)


def test_more_seeds_narrow_our_part_of_it_only():
    one, many = difference_interval(99.3, 99.3), difference_interval(99.3, 99.3, seeds=1_000_000)
    assert many[1] == pytest.approx(one[1] / np.sqrt(2), rel=1e-4)


@pytest.mark.parametrize(
    ("ours", "published", "seeds", "expected"),
    [
        (99.4, 99.3, 1, "agrees"),
        (99.6, 99.3, 1, "higher"),
        (99.0, 99.3, 1, "lower"),
        (99.49, 99.3, 1, "agrees"),
        (99.49, 99.3, 5, "higher"),
        (100.0, 100.0, 1, "agrees"),
    ],
)
def test_verdicts(ours, published, seeds, expected):
    assert verdict(ours, published, seeds) == expected
    assert agrees(ours, published, seeds) == (expected == "agrees")


def test_the_interval_covers_what_it_says_when_runs_share_their_test_images():
    # 10,000 images of which a few are hard, the same for both runs: they must agree in 95 % or more.
    random = np.random.default_rng(0)
    miss = random.beta(0.02, 2.5, size=10_000)
    runs = 100 - (random.random((400, 10_000)) < miss).sum(1) / 100
    quiet = [agrees(ours, published) for ours, published in zip(runs[::2], runs[1::2], strict=True)]
    assert np.mean(quiet) >= 0.95


def test_the_noise_of_seeds_is_pooled_within_groups():
    noise = seed_noise([[99.1, 99.3], [99.8], [99.4, 99.5, 99.6]])
    assert noise is not None
    assert noise.sd == pytest.approx(np.sqrt((2 * 0.1**2 + 2 * 0.1**2) / 3))
    assert noise.df == 3
    assert seed_noise([[99.1], [99.3]]) is None


def test_the_margin_of_one_mean_is_students_and_of_many_is_wider():
    noise = Noise(sd=0.05, df=120)
    assert noise.mean_margin(3) == pytest.approx(stats.t.ppf(0.975, 120) * 0.05 / np.sqrt(3))
    assert noise.mean_margin(3, means=60) == pytest.approx(stats.t.ppf(1 - 0.025 / 60, 120) * 0.05 / np.sqrt(3))


def test_the_margin_of_the_best_agrees_with_tukeys_test():
    random = np.random.default_rng(0)
    groups = random.normal(99.3, 0.05, (5, 3))
    noise = seed_noise(groups.tolist())
    assert noise is not None
    interval = stats.tukey_hsd(*groups).confidence_interval(0.95)
    assert pair_margin(5, noise, 3, noise, 3) == pytest.approx((interval.high - interval.low)[0, 1] / 2, rel=1e-3)


def test_the_margin_of_two_means_of_unlike_noise_is_games_and_howells():
    quiet, loud = Noise(0.02, 40), Noise(0.1, 40)
    df = (0.02**2 + 0.1**2) ** 2 / (0.02**4 / 40 + 0.1**4 / 40)
    expected = stats.studentized_range.ppf(0.95, 60, df) * np.sqrt((0.02**2 + 0.1**2) / 3 / 2)
    assert pair_margin(60, quiet, 3, loud, 3) == pytest.approx(expected)
    assert pair_margin(60, quiet, 3, quiet, 3) < pair_margin(60, quiet, 3, loud, 3) < pair_margin(60, loud, 3, loud, 3)
    assert pair_margin(60, Noise(0.0, 40), 3, Noise(0.0, 40), 3) == 0


def test_one_more_run_may_differ_by_its_own_luck_too():
    noise = Noise(0.05, 120)
    assert noise.run_margin(3) == pytest.approx(stats.t.ppf(0.975, 120) * 0.05 * np.sqrt(1 + 1 / 3))


def test_p_values_are_adjusted_by_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
