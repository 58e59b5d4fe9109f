"""README's block of results says what the report concludes, and no more."""

import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.analysis import claims
from mnist_study.report.results.outcomes import Published, Results
from mnist_study.tools import readme
from tests.support.studies import PUBLISHED, scattered, whole_study

BEST = "one_pool-b64-step-rotate"


def one_high(row: Published, seed: int) -> float:
    """99.3 % or so, one row 99.7."""
    return scattered(row, seed) + 0.4 * (row is PUBLISHED[BEST])


def block(results: Results) -> str:
    return readme.results(results.summary(), results.variants(), PUBLISHED, results.target.accuracy)


def test_the_headline_counts_the_significant_rows_that_the_report_counts():
    results = whole_study(one_high)
    reached, *_ = claims.judge(results, {}, {}, {})
    assert reached.ours == "1 of 60 rows, 1 of them significantly"
    headline, *_ = block(results).splitlines()
    assert "At 99.40 % or more: 1 row here, 1 of them significantly" in headline
    assert headline.endswith("; 9 published.**")


def test_a_row_just_above_the_target_is_not_significantly_there():
    results = whole_study(lambda row, seed: scattered(row, seed) + 0.13 * (row is PUBLISHED[BEST]))
    reached, *_ = claims.judge(results, {}, {}, {})
    assert reached.ours == "1 of 60 rows, 0 of them significantly"
    assert "1 row here, 0 of them significantly" in block(results)


def test_of_one_seed_each_nothing_is_known_to_be_significant():
    text = block(whole_study(lambda row, seed: 99.3, seeds=1, champion=[99.5]))
    assert "0 rows here, of one seed each, so significance is not known; 9 published" in text
    # Wilson's interval of 9,950 right of 10,000
    assert "99.50 % over 1 seed (95 % interval 99.34 to 99.62 for other test images)" in text


def test_a_mean_stands_beside_its_interval():
    # t = 4.303 with 2 degrees of freedom, sd 0.1, so the mean is off by 0.248 or less
    text = block(whole_study(scattered, champion=[99.5, 99.6, 99.7], mine=[10.0]))
    assert (
        "- `champion`, not in the study, 18,000 parameters: 99.60 % over 3 seeds (95 % interval 99.35 to 99.85" in text
    )
    assert "mine" not in text


def test_some_rows_and_none():
    text = block(whole_study(one_high, only=[BEST]))
    assert text.startswith("**1 of the study's 60 rows trained again, 3 networks")
    assert "| 6 | `one_pool` | 6,290 | 1 of 4 |" in text
    assert "| 5 |" not in text
    assert block(whole_study(one_high, only=[])) == "**No row of the study is trained.**"


def test_a_variant_with_a_rows_name_and_other_settings_is_refused():
    results = whole_study(scattered)
    summary = results.summary()
    summary["study"]["variants"] = 59
    with pytest.raises(UserError, match=r"^params\.yaml: a variant has the name of a published row"):
        readme.results(summary, results.variants(), PUBLISHED, 99.4)


def test_only_what_stands_between_the_marks_is_replaced():
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    once = readme.replace(text, "new")
    assert once == f"before\n{readme.BEGIN}\n\nnew\n\n{readme.END}\nafter\n"
    assert readme.replace(once, "new") == once


@pytest.mark.parametrize("text", ["", f"{readme.BEGIN}\n", f"{readme.END}\n{readme.BEGIN}\n"])
def test_a_missing_mark_is_named(text: str):
    with pytest.raises(UserError, match=r"^README\.md: needs a line `<!-- results"):
        readme.replace(text, "new")
