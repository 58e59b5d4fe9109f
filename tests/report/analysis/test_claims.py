import pytest

from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.row_claims import NAMED_BEST
from mnist_study.report.analysis.rows import noises
from tests.support.studies import PUBLISHED, scattered, whole_study

EVERY = "With augmentation or a scheduler 99.40 % is reached every time"
PUBLISHED_FITS = effects.of_published(PUBLISHED)
BEST = "Best: `transition_fc`, StepLR, augmentation, batch size 64"


EARLY = "Batch size 64 learns faster: accuracy after 3 epochs"
NAMED = "That network has 99.57 %"
SMALL = "99.40 % takes batch size 64"


def effect(claim):
    assert claim.effect
    return claim.effect


def judge(results, ours=None):
    """Without `ours` no effect is estimated, which takes time."""
    early = effects.of_epoch(results, claims.EARLY) if ours else {}
    return {claim.text: claim for claim in claims.judge(results, PUBLISHED_FITS, ours or {}, early)}


@pytest.fixture(scope="module")
def noise_alone():
    results = whole_study(scattered)
    return judge(results, effects.of_results(results))


def test_with_noise_alone_nothing_is_supported(noise_alone):
    verdicts = {text: claim.verdict for text, claim in noise_alone.items()}
    assert verdicts.pop(EVERY) == "contradicted"  # rows at 99.3 do miss it
    assert verdicts.pop("99.40 % is reached") != "supported"
    assert verdicts.pop("99.40 % is reached by 6,290 parameters") != "supported"
    assert verdicts.pop("99.40 % is reached with a fully connected layer") != "supported"
    assert verdicts.pop(NAMED) == "contradicted"
    assert set(verdicts.values()) == {"inconclusive"}
    assert all(
        (claim.seeds is None) != (claim.verdict == "inconclusive")
        for text, claim in noise_alone.items()
        if text != NAMED  # of one run there, so that no number of seeds here settles it
    )


def test_one_run_varies_as_ours_do():
    claim = judge(whole_study(scattered))[NAMED]
    low, high = effect(claim).low, effect(claim).high
    noise = noises(whole_study(scattered))[NAMED_BEST]
    assert high - low == pytest.approx(2 * noise.run_margin(3), abs=1e-6)


def test_the_published_figures_are_counted(noise_alone):
    assert noise_alone["99.40 % is reached"].published == "9 of 60 rows"
    assert noise_alone["99.40 % is reached by 6,290 parameters"].published == "5 of 12 rows"
    assert noise_alone[EVERY].published == "9 of 50 rows"
    assert noise_alone[BEST].published == "99.48; best row `transition-b64-step-affine_jitter`, 99.54"
    assert noise_alone["Batch size 64 beats 128"].published.startswith("+0.062 (+0.027 to +0.098; p 0.0")


def test_an_effect_is_supported_or_contradicted():
    def accuracy(row, seed):
        return scattered(row, seed) + 0.1 * (row.batch_size == 64) - 0.1 * (row.augmentation == "affine_jitter")

    results = whole_study(accuracy)
    verdicts = judge(results, effects.of_results(results))
    assert verdicts["Batch size 64 beats 128"].verdict == "supported"
    assert verdicts["Augmentation helps: rotation, affine and jitter"].verdict == "contradicted"
    assert verdicts[EARLY].verdict == "supported"  # made-up curves differ as much after every epoch
    assert verdicts[EARLY].published == "no figures"
    assert verdicts["The fully connected layer helps"].verdict == "inconclusive"


def test_the_target_is_reached_where_one_row_reaches_it_significantly():
    verdicts = judge(whole_study(lambda row, seed: scattered(row, seed) + 0.4 * (row.table == 6)))
    assert verdicts["99.40 % is reached"].verdict == "supported"
    assert effect(verdicts["99.40 % is reached"]).value > 0.2
    assert verdicts["99.40 % is reached by 6,290 parameters"].ours == "4 of 12 rows, 4 by simultaneous intervals"
    verdicts = judge(whole_study(lambda row, seed: scattered(row, seed) - 1))
    assert verdicts["99.40 % is reached"].verdict == "contradicted"
    assert effect(verdicts["99.40 % is reached"]).high < 0
    verdicts = judge(whole_study(lambda row, seed: scattered(row, seed) + 0.5))
    assert verdicts[EVERY].verdict == "supported"
    assert verdicts[SMALL].verdict == "contradicted"
    assert verdicts[SMALL].ours == "24 of 24 rows of 128"
    assert verdicts[SMALL].published == "0 of 24 rows of 128"


def test_the_target_takes_batch_size_64_where_only_64_reaches_it():
    verdicts = judge(whole_study(lambda row, seed: scattered(row, seed) + 0.6 * (row.batch_size == 64) - 0.3))
    assert verdicts[SMALL].verdict == "supported"
    neither = judge(whole_study(lambda row, seed: scattered(row, seed) - 1))
    assert neither[SMALL].verdict == "contradicted"
    assert effect(neither[SMALL]).high < 0


def test_each_scheduler_and_augmentation_has_noise_of_its_own():
    def accuracy(row, seed):
        return 99.3 + (scattered(row, seed) - 99.3) * (5 if row.scheduler == "constant" else 1)

    found = noises(whole_study(accuracy))
    assert set(found) == set(PUBLISHED)
    assert found["vanilla-b64-constant-plain"].sd > 3 * found["vanilla-b64-step-plain"].sd
    assert found["vanilla-b64-step-plain"] == found["transition-b128-step-plain"]
    assert found["vanilla-b64-step-plain"].df == 16


@pytest.mark.parametrize(
    ("best", "by", "verdict"),
    [
        (NAMED_BEST, 0.5, "supported"),
        ("vanilla-b64-step-plain", 0.5, "contradicted"),
        ("vanilla-b64-step-plain", 0.05, "inconclusive"),
    ],
)
def test_the_best_row_is_one_that_others_cannot_be(best, by, verdict):
    claim = judge(whole_study(lambda row, seed: scattered(row, seed) + by * (row is PUBLISHED[best])))[BEST]
    assert claim.verdict == verdict
    assert ("place 1;" in claim.ours) == (best == NAMED_BEST)
    assert (f"best of the others `{best}`" in claim.ours) == (best != NAMED_BEST)


def test_too_few_rows_or_seeds_are_said_to_be_so():
    one_seed = judge(whole_study(scattered, seeds=1))
    assert one_seed["99.40 % is reached"].ours == "one seed each, so the noise is not known"
    assert one_seed[BEST].verdict == "not tested"
    without = judge(whole_study(scattered, only=[name for name in PUBLISHED if name != NAMED_BEST]))
    assert without[BEST].ours == "not all rows are trained"
    assert without["99.40 % is reached"].verdict == "not tested"
    assert without["99.40 % is reached by 6,290 parameters"].verdict != "not tested"
    one_row = judge(whole_study(scattered, only=["vanilla-b64-constant-plain"], mine=[99.5, 99.6]))
    assert {claim.verdict for claim in one_row.values()} == {"not tested"}
    assert {claim.ours for claim in one_row.values()} == {"not all rows are trained"}
