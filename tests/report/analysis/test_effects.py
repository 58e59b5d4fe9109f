from dataclasses import replace

import numpy as np
import pytest

from mnist_study.report.analysis import effects
from mnist_study.report.analysis.designs import DESIGNS, FULL_WIDTH, REDUCED
from tests.support.studies import PUBLISHED, outcome, scattered, whole_study


def planted(row, seed):
    """Batch size 64 gives 0.1 points more, StepLR 0.06 and 0.09 more with augmentation; a seed has its own level."""
    step, augmented = row.scheduler == "step", row.augmentation == "affine_jitter"
    both = augmented * (0.06 if step else -0.03)  # augmentation alone does nothing in the mean
    return scattered(row, seed) + 0.1 * (row.batch_size == 64) + 0.06 * step + both + 0.05 * seed


@pytest.fixture(scope="module")
def ours():
    return effects.of_results(whole_study(planted))


@pytest.fixture(scope="module")
def published():
    return effects.of_published(PUBLISHED)


def mean(**levels):
    rows = [row for row in PUBLISHED.values() if row.table <= 4]
    return np.mean([r.test_accuracy for r in rows if all(getattr(r, name) == level for name, level in levels.items())])


def test_a_full_factorial_gives_the_differences_of_plain_means(published):
    found = published[FULL_WIDTH.title].effects
    assert found["batch"].difference == pytest.approx(mean(batch_size=64) - mean(batch_size=128))
    assert found["plateau"].difference == pytest.approx(mean(scheduler="plateau") - mean(scheduler="constant"))
    heads = mean(architecture="transition_fc") - mean(architecture="transition")
    assert found["linear"].difference == pytest.approx(heads)


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
    assert [found[name].difference for name in names] == pytest.approx(by_hand[1:])


def test_the_interval_of_a_balanced_comparison_is_students(published):
    # HC2 with equal leverages h: the variance of a difference of two means is sum(e^2) / (1 - h) / n^2 * 4
    fit = published[FULL_WIDTH.title]
    half = (fit.effects["batch"].high - fit.effects["batch"].low) / 2
    assert (fit.runs, fit.df) == (48, 48 - 25)
    assert half == pytest.approx(2.0687 * fit.noise * np.sqrt(2 / 24), rel=1e-3)  # t of 23 degrees


def test_planted_effects_are_found_and_others_are_not(ours):
    fit = ours[FULL_WIDTH.title]
    assert (fit.runs, fit.blocks, fit.df) == (144, 3, 144 - 25 - 2)
    assert fit.effects["batch"].difference == pytest.approx(0.1, abs=0.02)
    assert fit.effects["step"].difference == pytest.approx(0.06 + 0.09 / 2, abs=0.02)
    assert fit.noise == pytest.approx(0.04, abs=0.01)  # the seeds' own levels are no noise
    significant = {name for fit in ours.values() for name, effect in fit.effects.items() if effect.significant}
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


def test_effects_that_depend_on_the_seed_are_significant():
    def same_luck(row, seed):  # networks of one architecture and seed begin alike, and end alike
        return scattered(row, seed) + 0.2 * ((seed + ord(row.architecture[0])) % 3)

    fit = effects.of_results(whole_study(same_luck))[FULL_WIDTH.title]
    assert fit.by_seed is not None
    assert fit.by_seed < 0.001


def test_luck_alone_depends_on_no_seed_and_adds_up(ours):
    assert all(fit.by_seed > 0.05 for fit in ours.values())
    assert ours[FULL_WIDTH.title].lack_of_fit is None
    assert ours[REDUCED.title].lack_of_fit > 0.05


def test_effects_that_do_not_add_up_are_a_lack_of_fit():
    def odd_one_out(row, seed):
        return scattered(row, seed) + 0.3 * (row is PUBLISHED["two_pool_dropout-b64-constant-rotate"])

    lack_of_fit = effects.of_results(whole_study(odd_one_out))[REDUCED.title].lack_of_fit
    assert lack_of_fit is not None
    assert lack_of_fit < 0.001


def test_few_rows_at_a_level_leave_few_degrees_of_freedom(published):
    # Two rows of twelve are plain: by the residual degrees of freedom alone the interval would be half as wide.
    fit = published[REDUCED.title]
    rotation = fit.effects["rotation"]
    assert fit.df == 6
    assert (rotation.high - rotation.low) / 2 > 0.35


def test_an_earlier_epoch_is_fitted_from_the_curves():
    results = whole_study(planted)
    early, last = effects.of_epoch(results, 1), effects.of_results(results)
    assert early[FULL_WIDTH.title].effects["batch"].difference == pytest.approx(
        last[FULL_WIDTH.title].effects["batch"].difference
    )
    assert effects.of_epoch(results, 4) == {}  # the made-up curves have three


def test_p_values_are_adjusted_over_both_models(published):
    # The smallest of twelve is multiplied by twelve; without that of batch size would be 0.0015.
    every = {name: effect.p for fit in published.values() for name, effect in fit.effects.items()}
    assert len(every) == sum(len(design.comparisons) for design in DESIGNS) == 12
    assert sum(p == 1.0 for p in every.values()) > 4
    low, high = (published[FULL_WIDTH.title].effects["transition"].low, every["transition"])
    assert low > 0  # the interval alone would call this significant
    assert high > 0.05


def test_one_seed_is_enough_and_some_rows_are_not():
    alone = effects.of_results(whole_study(scattered, seeds=1))
    assert alone[FULL_WIDTH.title].df == 23
    assert alone[REDUCED.title].by_seed is alone[REDUCED.title].lack_of_fit is None
    some = [name for name in PUBLISHED if name != "vanilla-b64-step-plain"]
    assert list(effects.of_results(whole_study(scattered, only=some))) == [REDUCED.title]
    assert effects.of_results(whole_study(scattered, only=[])) == {}


def test_rows_with_seeds_of_their_own_are_fitted_without_blocks():
    results, name = whole_study(scattered, seeds=2), "vanilla-b64-step-plain"
    results.outcomes[name] = outcome(name, [99.3, 99.2, 99.4], PUBLISHED[name])
    fit = effects.of_results(results)[FULL_WIDTH.title]
    assert (fit.runs, fit.blocks, fit.df) == (97, 0, 97 - 25)
    assert all(effect.low < effect.difference < effect.high for effect in fit.effects.values())


def test_rows_that_are_all_alike_show_no_effect_at_all():
    alike = {name: replace(row, test_accuracy=99.3) for name, row in PUBLISHED.items()}
    assert effects.of_published(alike) == {}
