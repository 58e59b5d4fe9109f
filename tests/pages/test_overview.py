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
