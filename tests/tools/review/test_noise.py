"""Verdicts on differences: right where theory or another implementation says what is right, calibrated elsewhere."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnist_study.report.analysis.intervals import Noise
from mnist_study.tools.review import noise
from mnist_study.tools.review.noise import Spread

IMAGES, HARD = 2000, 60


def network(generator: np.random.Generator, chance: float) -> np.ndarray:
    """What one network gets right, bool [N]: of the hard images each is missed with that chance."""
    right = np.ones(IMAGES, bool)
    right[:HARD] = generator.random(HARD) >= chance
    return right


def side(generator: np.random.Generator, seeds: int, chance: float = 0.4, spread: float = 0.0) -> np.ndarray:
    """Several seeds, right [S, N]; the chance of a miss differs from seed to seed by that standard deviation."""
    return np.stack([network(generator, chance + spread * generator.standard_normal()) for _ in range(seeds)])


def test_one_seed_each_gets_mcnemars_exact_test():
    before, after = np.ones((2, 1, 10_000), bool)
    before[0, :12] = False  # won by the new network
    after[0, 50:53] = False  # lost
    before[0, 100:140] = after[0, 100:140] = False  # missed by both
    assert noise.paired(before, after) == pytest.approx(2 * sum(math.comb(15, k) for k in range(4)) / 2**15)


def test_the_same_predictions_are_no_difference():
    right = side(np.random.default_rng(0), 3)
    assert noise.paired(right, right) == noise.paired(right[:1], right[:1]) == 1


seeds = st.integers(1, 4)


@settings(max_examples=30, deadline=None)
@given(seeds, seeds, st.integers(0, 1000))
def test_neither_the_order_of_images_nor_that_of_sides_matters(one: int, other: int, seed: int):
    generator = np.random.default_rng(seed)
    before, after, order = side(generator, one), side(generator, other, 0.2), generator.permutation(IMAGES)
    p = noise.paired(before, after)
    assert 0 <= p <= 1
    assert noise.paired(after, before) == pytest.approx(p)
    assert noise.paired(before[:, order], after[:, order]) == pytest.approx(p)


@pytest.mark.parametrize(("one", "other", "spread"), [(1, 1, 0.0), (3, 3, 0.0), (3, 3, 0.2), (1, 3, 0.2), (5, 2, 0.1)])
def test_equal_recipes_are_seldom_told_apart(one: int, other: int, spread: float):
    """At most one time in twenty, even where whole seeds are better or worse; a little more by chance here."""
    generator = np.random.default_rng(1)
    values = [
        noise.paired(side(generator, one, spread=spread), side(generator, other, spread=spread)) for _ in range(400)
    ]
    assert np.mean(np.array(values) < 0.05) < 0.08


@pytest.mark.parametrize("count", [1, 3])
def test_a_difference_is_found(count: int):
    generator = np.random.default_rng(2)
    values = [noise.paired(side(generator, count), side(generator, count, 0.1)) for _ in range(50)]
    assert np.mean(np.array(values) < 0.05) > 0.8


def test_a_mean_over_rows_of_which_one_changed_is_as_sure_as_that_row():
    generator = np.random.default_rng(4)
    gain = noise.gain(side(generator, 3), side(generator, 3, 0.2))
    whole = noise.mean_gain([gain], 60)
    assert whole.p() == pytest.approx(gain.p())
    assert whole.images.mean() == pytest.approx(gain.images.mean() / 60)


def test_seeds_are_compared_by_student_or_by_what_others_scatter():
    before, after = [99.41, 99.38, 99.44], [99.5, 99.49]
    expected: Any = stats.ttest_ind(before, after)
    assert noise.by_seeds(Spread.of(before), Spread.of(after)) == pytest.approx(expected.pvalue)
    expected = stats.ttest_ind(before, after[:1])
    assert noise.by_seeds(Spread.of(before), Spread.of(after[:1])) == pytest.approx(expected.pvalue)
    others = Noise(0.05, 100)
    p = 2 * stats.t.sf((99.5 - 99.41) / (0.05 * math.sqrt(2)), 100)
    assert noise.by_seeds(Spread.of(before[:1]), Spread.of(after[:1]), others) == pytest.approx(p)
    assert noise.by_seeds(Spread.of(before[:1]), Spread.of(after[:1])) is None
    assert noise.by_seeds(Spread.of([7, 7]), Spread.of([8, 8]), others) is None


def test_the_larger_of_the_two_p_values_counts():
    generator = np.random.default_rng(3)
    steady = noise.gain(side(generator, 3), side(generator, 3, 0.1))
    wild = noise.gain(side(generator, 3, spread=0.3), side(generator, 3, 0.1))
    assert steady.p() < 0.05
    accuracies = [
        100 * right.mean(1) for right in (side(np.random.default_rng(5), 3), side(np.random.default_rng(6), 2))
    ]
    gain = noise.gain(side(np.random.default_rng(5), 3), side(np.random.default_rng(6), 2))
    student: Any = stats.ttest_ind(*accuracies)
    assert gain.p() >= student.pvalue - 1e-12
    assert replace(gain, by_seed=()).p() <= gain.p()
    assert wild.p() > replace(wild, by_seed=()).p()


def test_two_proportions_are_compared():
    assert noise.binomial(99.4, 99.4) == 1
    assert noise.binomial(100, 100) == 1
    assert noise.binomial(99.4, 99.6) == pytest.approx(0.047, abs=0.003)


def test_p_values_are_put_in_words():
    assert noise.verdict(0.051, better=True) == "inconclusive"
    assert noise.verdict(0.049, better=True) == "better"
    assert noise.verdict(0.049, better=False) == "worse"
