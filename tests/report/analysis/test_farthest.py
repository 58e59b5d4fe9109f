from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.farthest import without_farthest
from tests.support.studies import PUBLISHED, scattered, whole_study

FITS = effects.of_published(PUBLISHED)
ODD = "vanilla-b64-constant-plain"


def judged_without(accuracy):
    results = whole_study(accuracy)
    judged = claims.judge(results, FITS, effects.of_results(results), effects.of_epoch(results, claims.EARLY))
    return without_farthest(results, FITS, judged)


def test_a_network_far_off_is_named_and_what_it_decides():
    def accuracy(row, seed):
        odd = 5.0 * (seed == 1 and row is PUBLISHED[ODD])
        return scattered(row, seed) + 0.06 * (row.batch_size == 64) - odd

    found = judged_without(accuracy)
    assert found
    assert (found.variant, found.seed) == (ODD, 1)
    assert found.others - found.accuracy > 4.5
    changed = {claim.text: claim.verdict for claim in found.changed}
    assert changed["Batch size 64 beats 128"] == "supported"


def test_there_is_none_where_no_row_has_three_networks():
    results = whole_study(scattered, seeds=2)
    judged = claims.judge(results, FITS, {}, {})
    assert without_farthest(results, FITS, judged) is None
