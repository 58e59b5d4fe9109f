"""All pages of the site: nothing is wrong, cut off, or leads nowhere; one look in all of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mnist_study.tools.site import make as module
from mnist_study.tools.site import pages, study
from mnist_study.tools.site.make import make
from tests.pages.page import CUT_OFF, Page
from tests.support import ROOT
from tests.support.studies import scattered, some_misses, whole_study
from tests.tools.site.test_study import judged

pytestmark = [pytest.mark.slow, pytest.mark.pages]

FRONT = ("index", "rows", "claims", "draw", "proof", "variants/champion", "variants/two_pool-b64-constant-plain")
WIDTHS = (360, 768, 1440)
SCREENSHOTS = ROOT / "build" / "pages"


def every_page(site: Path) -> list[str]:
    return sorted(str(path.relative_to(site).with_suffix("")) for path in site.rglob("*.html"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", FRONT)
def test_nothing_is_wrong_or_cut_off(opened: Any, axe: str, name: str, scheme: str):
    page = opened(name, WIDTHS[0], scheme)
    if name == "draw":
        page.tab.click("[data-sample='3']")
    page.tab.evaluate(axe)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.tab.set_viewport_size({"width": width, "height": 900})
        page.tab.wait_for_timeout(300)  # for charts, which are drawn when their width is known
        page.tab.screenshot(path=SCREENSHOTS / f"site-{name.replace('/', '-')}-{width}-{scheme}.png", full_page=True)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
        assert page.tab.evaluate(CUT_OFF) == [], width
        found = page.tab.evaluate("axe.run({ preload: false }).then((found) => found.violations)")
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == [], width


def test_every_page_opens_and_every_link_leads_somewhere(opened: Any, site: Path):
    page = opened("index", 360, "dark")
    names = every_page(site)
    assert len(names) == len(FRONT) - 2 + len(json.loads((ROOT / "build/plan.json").read_text())["variants"])
    for name in names:
        page.go(name)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= 360, name
        assert page.tab.evaluate(CUT_OFF) == [], name
        for link in page.tab.evaluate("[...document.links].map((link) => link.href)"):
            path = Path(re.sub(r"^file://|#.*$", "", link))
            assert path.exists(), link


def test_a_study_of_odd_figures(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One epoch that ends at 92.8 %, one seed, no miss at all, a name of 100 letters, a window of 390 pixels."""
    long = "a" * 60 + "-" + "b" * 39
    own: dict[str, Any] = {"champion": [99.6, 99.62], "one_epoch": [92.8], "perfect": [100.0] * 3, long: [99.1] * 3}
    results = whole_study(scattered, **own)
    curve = results.outcomes["one_epoch"].training["replicas"][0]
    curve["history"] = curve["history"][-1:]
    monkeypatch.setattr(study, "read", lambda: judged(results))
    monkeypatch.setattr(module, "_networks", lambda results: {name: {} for name in results.outcomes})
    monkeypatch.setattr(pages, "misses_of", lambda name, results: some_misses())
    make(tmp_path / "site")
    page = Page(browser, tmp_path / "site", "index", 390)
    for name in ("index", f"rows#ticked=champion,one_epoch,perfect,{long}", "claims", "proof", f"variants/{long}"):
        page.go(name)
        page.tab.wait_for_timeout(300)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= 390, name
        assert page.tab.evaluate(CUT_OFF) == [], name
    page.go("index")
    texts = page.tab.locator("[data-chart=front] text").all_text_contents()
    assert min(float(text) for text in texts if re.fullmatch(r"\d+\.\d", text)) > 98  # 92.8 squashes nothing
    assert "▾" in texts
    page.close()


def test_the_first_load_is_small(site: Path):
    champions = json.loads((ROOT / "build/plan.json").read_text())["champions"]
    for name in every_page(site):
        text = (site / f"{name}.html").read_text()
        used = {(site / name).parent / each for each in re.findall(r'(?:src|href)="([^"#:]+\.(?:js|css))"', text)}
        if name == "draw":  # adds a network of each champion, which is when one can draw
            used |= {min(site.glob(f"networks/{each}-[0-9]*.js")) for each in champions}
        assert len(text) + sum(path.stat().st_size for path in used) < 500_000, name


def test_the_theme_is_switched_and_kept(opened: Any):
    page = opened("index", 1440, "light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.tab.evaluate(colour)
    page.tab.click("#theme")
    assert page.tab.evaluate(colour) != light
    assert page.tab.inner_text("#theme") == "Light"
    page.go("claims")
    assert page.tab.evaluate(colour) != light
