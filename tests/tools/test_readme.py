"""README's block of results is the opening of the report."""

import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.results.reference import Published
from mnist_study.tools import readme
from tests.report.page.test_page import write
from tests.support.studies import PUBLISHED, scattered, whole_study

BEST = "one_pool-b64-step-rotate"


def written(accuracy, **options) -> str:
    """The block for a made-up study."""
    return readme.block(write(whole_study(accuracy, **options)))


def one_high(row: Published, seed: int) -> float:
    """99.3 % or so, one row 99.7."""
    return scattered(row, seed) + 0.4 * (row is PUBLISHED[BEST])


def test_the_headline_counts_the_rows_that_are_significantly_at_the_target():
    headline, *_ = written(one_high).splitlines()
    assert "at 99.40 % or more: here 1 of 60 rows, 1 by simultaneous intervals; published 9" in headline


def test_of_one_seed_each_nothing_is_known_to_be_significant():
    headline, *_ = written(lambda row, seed: 99.3, seeds=1, champion=[99.5]).splitlines()
    assert "at 99.40 % or more: here 0; published 9" in headline


def test_a_mean_stands_beside_its_interval_and_links_lead_to_the_report():
    # t = 4.303 with 2 degrees of freedom, sd 0.1, so the mean is off by 0.248 or less
    text = written(scattered, champion=[99.5, 99.6, 99.7])
    assert "(95 % interval 99.352 to 99.848 for other seeds)" in text
    assert "](reports/study.md#the-studys-claims)" in text
    assert "| 6 | `one_pool` | 6,290 | 4 of 4 |" in text


def test_no_row_is_no_table():
    assert written(one_high, only=[], mine=[99.0]).startswith("**1 variant on 10,000 test images of 10 classes")


def test_only_the_block_is_replaced():
    text = f"before\n{readme.BEGIN}\n\nold\n\n{readme.END}\nafter\n"
    assert readme.replaced(text, "new") == f"before\n{readme.BEGIN}\n\nnew\n\n{readme.END}\nafter\n"


@pytest.mark.parametrize("text", ["nothing", f"{readme.BEGIN}\n", f"{readme.END}\n"])
def test_a_missing_mark_is_an_error(text: str):
    with pytest.raises(UserError, match=r"^README\.md: needs a line"):
        readme.replaced(text, "new")
