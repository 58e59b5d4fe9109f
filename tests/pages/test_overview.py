"""The overview: the front of accuracy over parameters."""

from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.pages]


def test_the_front_is_read_by_keyboard(opened: Any):
    page = opened("index")
    link = page.tab.locator(".chart a[href='variants/champion.html']")
    link.focus()
    assert "19,524 parameters" in page.tab.inner_text(".tip:visible")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_url("**/variants/champion.html")


@pytest.mark.parametrize("width", [360, 1440])
def test_labels_of_the_front_are_apart(opened: Any, width: int):
    page = opened("index", width)
    page.tab.wait_for_selector(".chart svg a")
    boxes = page.tab.evaluate("""[...document.querySelectorAll("[data-chart=front] text")]
      .filter((text) => text.matches(".own") || text.textContent.startsWith("target"))
      .map((text) => text.getBoundingClientRect().toJSON())""")
    assert len(boxes) > 2
    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            beside = one["left"] >= other["right"] or other["left"] >= one["right"]
            assert beside or abs(one["top"] - other["top"]) >= 13


def test_curves_are_told_apart_by_colour_or_dash_and_have_their_values_in_a_table(opened: Any):
    page = opened("variants/champion")
    page.tab.wait_for_selector(".legend .stroke")
    keys = page.tab.evaluate("""[...document.querySelectorAll(".legend .stroke")].map((key) =>
      key.style.getPropertyValue("--key") + key.querySelector("line").style.strokeDasharray)""")
    assert len(keys) == len(set(keys)) == 10
    page.tab.click("summary")
    cells = page.tab.locator("details tr >> nth=-1").locator("td").all_text_contents()
    last = page.tab.evaluate("Object.values(CURVES).map((values) => values.at(-1).toFixed(3))")
    assert cells == last
