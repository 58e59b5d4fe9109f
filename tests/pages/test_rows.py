"""The table of all variants: filters, order, ticks, and the address that keeps them."""

import json
from typing import Any

import pytest

from tests.pages.page import Page
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.pages]


def shown(page: Page) -> list[str]:
    rows = "[...document.querySelectorAll('#rows tbody tr:not([hidden])')].map((row) => row.dataset.name)"
    return page.tab.evaluate(rows)


def test_rows_are_filtered_sorted_ticked_and_linked(opened: Any):
    metrics = json.loads((ROOT / "metrics/variants.json").read_text())
    page = opened("rows")
    assert len(shown(page)) == len(metrics)
    page.tab.select_option("[name=network]", "one_pool")
    page.tab.click("[data-sort=accuracy]")
    ours = [name for name in metrics if name.startswith("one_pool")]
    best_first = sorted(ours, key=lambda name: -metrics[name]["test_accuracy"])
    assert sorted(shown(page)) == sorted(ours)
    assert [metrics[name]["test_accuracy"] for name in shown(page)] == [
        metrics[name]["test_accuracy"] for name in best_first
    ]
    assert page.tab.get_attribute("th:has([data-sort=accuracy])", "aria-sort") == "descending"
    page.tab.check(f"[value='{ours[0]}']")
    page.tab.check(f"[value='{ours[1]}']")
    assert page.tab.locator(".chart .curve").count() == 2
    link = page.tab.url.partition("#")[2]
    again = opened(f"rows#{link}")
    assert shown(again) == shown(page)
    assert again.tab.locator(".chart .curve").count() == 2
    page.tab.click("button[type=reset]")
    page.tab.click("#untick")
    assert len(shown(page)) == len(metrics)
    assert page.tab.locator("#compare").is_hidden()


def test_an_address_with_nonsense_shows_all_rows(opened: Any):
    page = opened("rows#network=none&sort=toString&ticked=constructor,nobody")
    assert len(shown(page)) == len(json.loads((ROOT / "metrics/variants.json").read_text()))
