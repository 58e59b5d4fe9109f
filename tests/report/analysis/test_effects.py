from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.designs import DESIGNS, FULL_WIDTH, REDUCED
from mnist_study.report.analysis.factorial import hc2
from tests.support.studies import PUBLISHED, outcome, scattered, whole_study


def planted(row, seed):
    """Batch size 64 gives 0.1 points more, StepLR 0.06 and 0.09 more with augmentation."""
    step, augmented = row.scheduler == "step", row.augmentation == "affine_jitter"
    both = augmented * (0.06 if step else -0.03)  # augmentation alone does nothing in the mean
    return scattered(row, seed) + 0.1 * (row.batch_size == 64) + 0.06 * step + both


@pytest.fixture(scope="module")
def ours():
    return effects.of_results(whole_study(planted))


@pytest.fixture(scope="module")
def published():
    return effects.of_published(PUBLISHED)


SMALL = [name for name, row in PUBLISHED.items() if row.table in REDUCED.tables]


def mean(**levels):
    rows = [row for row in PUBLISHED.values() if row.table <= 4]
    return np.mean([r.test_accuracy for r in rows if all(getattr(r, name) == level for name, level in levels.items())])


def test_a_full_factorial_gives_the_differences_of_plain_means(published):
    found = published[FULL_WIDTH.title].effects
    assert found["batch"].value == pytest.approx(mean(batch_size=64) - mean(batch_size=128))
    assert found["plateau"].value == pytest.approx(mean(scheduler="plateau") - mean(scheduler="constant"))
    heads = mean(architecture="transition_fc") - mean(architecture="transition")
    assert found["linear"].value == pytest.approx(heads)


def test_rows_that_are_no_full_factorial_give_the_coefficients_of_least_squares(published):
    rows = [row for row in PUBLISHED.values() if row.table >= 5]
    columns = [
        (1, r.architecture == "one_pool", r.scheduler == "step", r.scheduler == "plateau", r.augmentation == "rotate")
        for r in rows
    ]
    columns = np.column_stack([np.array(columns, float), [r.dropout for r in rows]])
    by_hand = np.linalg.lstsq(columns, np.array([r.test_accuracy for r in rows]))[0]
    found = published[REDUCED.title].effects
    names = ("pooling", "reduced step", "reduced plateau", "rotation", "dropout")
    assert [found[name].value for name in names] == pytest.approx(by_hand[1:])


def test_the_interval_of_a_balanced_comparison_is_students(published):
    # HC2 with equal leverages h: the variance of a difference of two means is sum(e^2) / (1 - h) / n^2 * 4
    fit = published[FULL_WIDTH.title]
    half = (fit.effects["batch"].high - fit.effects["batch"].low) / 2
    assert (fit.runs, fit.df) == (48, 48 - 25)
    assert half == pytest.approx(2.0687 * fit.noise * np.sqrt(2 / 24), rel=1e-3)  # t of 23 degrees


def test_planted_effects_are_found_and_others_are_not(ours):
    fit = ours[FULL_WIDTH.title]
    assert (fit.runs, fit.df) == (144, 144 - 25)
    assert fit.effects["batch"].value == pytest.approx(0.1, abs=0.02)
    assert fit.effects["step"].value == pytest.approx(0.06 + 0.09 / 2, abs=0.02)
    assert fit.noise == pytest.approx(0.04, abs=0.01)
    significant = {name for each in ours.values() for name, effect in each.effects.items() if effect.p < 0.05 / 12}
    assert {"batch", "step"} <= significant <= {"batch", "step", "reduced step"}


def test_an_interaction_is_found(ours):
    fit = ours[FULL_WIDTH.title]
    significant = {pair: found for pair, found in fit.interactions.items() if found.significant}
    assert list(significant) == [("scheduler", "augmentation")]
    assert fit.depends_on("augmentation") == ["scheduler"]
    assert fit.depends_on("batch_size") == []
    means = significant["scheduler", "augmentation"].means
    assert len(means) == 6
    gain = means["step", "affine_jitter"] - means["step", "plain"]
    assert gain - (means["constant", "affine_jitter"] - means["constant", "plain"]) == pytest.approx(0.09, abs=0.03)
    assert ours[REDUCED.title].interactions == {}


def test_standard_errors_are_those_of_statsmodels():
    generator = np.random.default_rng(0)
    exog = np.column_stack([np.ones(30), generator.standard_normal((30, 3))])
    accuracies = exog @ [99.3, 0.1, 0.0, -0.1] + exog[:, 1] ** 2 * generator.standard_normal(30)
    weights = np.array([[0.0, 1, -1, 0], [0, 0, 0, 1]])
    values, errors, _ = hc2(exog, weights, accuracies)
    expected: Any = sm.OLS(accuracies, exog).fit(cov_type="HC2").t_test(weights)
    assert values == pytest.approx(expected.effect)
    assert errors == pytest.approx(expected.sd.ravel())


def test_two_groups_have_welchs_test():
    # Bell and McCaffrey's degrees of freedom suppose equal variances: n - 2 for groups of one size.
    exog = np.column_stack([np.ones(10), np.repeat([1.0, 0], 5)])
    accuracies = np.array([99.1, 99.3, 99.2, 99.5, 99.4, 99.6, 99.7, 99.65, 99.6, 99.7])
    values, errors, df = hc2(exog, np.array([[0.0, 1]]), accuracies)
    expected: Any = stats.ttest_ind(accuracies[:5], accuracies[5:], equal_var=False)
    assert values / errors == pytest.approx(expected.statistic)
    assert df == pytest.approx(8)


def test_rows_that_share_seeds_are_told(ours):
    assert all(fit.shared_seeds for fit in ours.values())  # made-up rows have seeds 0, 1, 2
    own = whole_study(planted)
    for place, each in enumerate(own.outcomes.values()):
        for replica in each.evaluation["replicas"]:
            replica["seed"] += 3 * place
    assert not any(fit.shared_seeds for fit in effects.of_results(own).values())
    assert not any(fit.shared_seeds for fit in effects.of_published(PUBLISHED).values())
    one_seed = effects.of_results(whole_study(planted, seeds=1))  # the same for all rows
    assert all(fit.shared_seeds for fit in one_seed.values())


def test_luck_alone_adds_up(ours):
    assert ours[FULL_WIDTH.title].lack_of_fit is None
    assert ours[REDUCED.title].lack_of_fit > 0.05


def test_effects_that_do_not_add_up_are_a_lack_of_fit():
    def odd_one_out(row, seed):
        return scattered(row, seed) + 0.3 * (row is PUBLISHED["two_pool_dropout-b64-constant-rotate"])

    lack_of_fit = effects.of_results(whole_study(odd_one_out))[REDUCED.title].lack_of_fit
    assert lack_of_fit is not None
    assert lack_of_fit < 0.001


def test_lack_of_fit_is_seldom_found_where_there_is_none():
    generator, found = np.random.default_rng(0), []
    for _ in range(60):
        results = whole_study(lambda row, seed: float(generator.normal(99.3, 0.05)), seeds=3, only=SMALL)
        found.append(effects.of_results(results)[REDUCED.title].lack_of_fit)
    assert np.mean(np.array(found) < 0.05) < 0.13


def test_a_row_of_one_seed_among_others_of_several_is_no_hindrance():
    results, name = whole_study(scattered, seeds=3, only=SMALL), SMALL[0]
    results.outcomes[name] = outcome(name, [99.3], PUBLISHED[name])
    assert (effects.of_results(results)[REDUCED.title].lack_of_fit or 0) > 0.01


def test_few_rows_at_a_level_leave_few_degrees_of_freedom(published):
    # Two rows of twelve are plain: by the residual degrees of freedom alone the interval would be half as wide.
    fit = published[REDUCED.title]
    rotation = fit.effects["rotation"]
    assert fit.df == 6
    assert (rotation.high - rotation.low) / 2 > 0.35


def test_an_earlier_epoch_is_fitted_from_the_curves():
    results = whole_study(planted)
    early, last = effects.of_epoch(results, 1), effects.of_results(results)
    assert early[FULL_WIDTH.title].effects["batch"].value == pytest.approx(
        last[FULL_WIDTH.title].effects["batch"].value
    )
    assert effects.of_epoch(results, 4) == {}  # the made-up curves have three


def test_p_values_are_adjusted_over_both_models(published):
    # The smallest of twelve is multiplied by twelve.
    every = {name: effect for fit in claims.adjusted(published).values() for name, effect in fit.effects.items()}
    assert len(every) == sum(len(design.comparisons) for design in DESIGNS) == 12
    smallest = min(effect.p for fit in published.values() for effect in fit.effects.values())
    assert min(effect.p for effect in every.values()) == pytest.approx(12 * smallest)
    assert every["transition"].low > 0  # the interval alone would call this significant
    assert every["transition"].p > 0.05


def test_one_seed_is_enough_and_some_rows_are_not():
    alone = effects.of_results(whole_study(scattered, seeds=1))
    assert alone[FULL_WIDTH.title].df == 23
    assert alone[REDUCED.title].lack_of_fit is None
    some = [name for name in PUBLISHED if name != "vanilla-b64-step-plain"]
    assert list(effects.of_results(whole_study(scattered, only=some))) == [REDUCED.title]
    assert effects.of_results(whole_study(scattered, only=[])) == {}


def test_rows_may_have_unlike_numbers_of_seeds():
    results, name = whole_study(scattered, seeds=2), "vanilla-b64-step-plain"
    results.outcomes[name] = outcome(name, [99.3, 99.2, 99.4], PUBLISHED[name])
    fit = effects.of_results(results)[FULL_WIDTH.title]
    assert (fit.runs, fit.df) == (97, 97 - 25)
    assert all(effect.low < effect.value < effect.high for effect in fit.effects.values())


def test_rows_that_are_all_alike_show_no_effect_at_all():
    alike = {name: replace(row, test_accuracy=99.3) for name, row in PUBLISHED.items()}
    assert effects.of_published(alike) == {}
