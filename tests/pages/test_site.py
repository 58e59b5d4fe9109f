"""The site, made of this checkout's results and opened from disk in a browser that reaches no network."""

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from mnist_study.tools.site import make as module
from mnist_study.tools.site import pages, study
from mnist_study.tools.site.make import make
from tests.pages import chromium
from tests.support import ROOT
from tests.support.studies import scattered, some_misses, whole_study
from tests.tools.site.test_study import judged

pytestmark = [pytest.mark.slow, pytest.mark.pages]

FRONT = ("index", "rows", "claims", "draw", "proof", "variants/champion", "variants/two_pool-b64-constant-plain")
WIDTHS = (360, 768, 1440)
SCREENSHOTS = ROOT / "build" / "pages"
# Texts of a chart that its frame cuts off, and anything that is wider than the window but in no place that scrolls.
CUT_OFF = """() => {
  const cut = [...document.querySelectorAll(".chart svg")].flatMap((svg) => {
    const edge = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter((text) => {
      const box = text.getBoundingClientRect();
      return box.left < edge.left - 12 || box.right > edge.right + 12;
    });
  });
  const wide = [...document.querySelectorAll("main *")].filter((each) =>
    !each.closest(".wide, pre, svg, .unseen") && each.getBoundingClientRect().right > innerWidth + 1);
  return [...cut, ...wide].map((each) => `${each.tagName} ${each.textContent.trim().slice(0, 40)}`);
}"""
# Lines through places in hundredths of the paper, as a hand might draw them.
STROKES: dict[str, list[list[tuple[int, int]]]] = {
    "0": [[(52, 18), (38, 24), (31, 44), (32, 62), (41, 78), (55, 80), (66, 66), (68, 44), (62, 24), (52, 18)]],
    "1": [[(50, 18), (49, 40), (48, 60), (48, 82)]],
    "2": [[(33, 32), (42, 21), (57, 21), (65, 33), (58, 50), (44, 65), (33, 79), (48, 78), (69, 79)]],
    "3": [[(35, 24), (50, 19), (63, 27), (60, 41), (47, 48), (61, 54), (67, 67), (57, 79), (43, 81), (32, 74)]],
    "4": [[(38, 20), (34, 38), (33, 52), (48, 53), (68, 51)], [(63, 24), (61, 50), (60, 82)]],
    "5": [
        [(40, 22), (38, 36), (36, 46), (50, 44), (63, 51), (66, 64), (58, 77), (45, 81), (33, 76)],
        [(40, 22), (66, 20)],
    ],
    "6": [[(58, 18), (45, 32), (37, 50), (36, 66), (44, 79), (57, 79), (64, 68), (58, 57), (46, 58), (38, 66)]],
    "7": [[(32, 24), (50, 23), (68, 23), (60, 40), (52, 58), (46, 81)]],
    "8": [
        [
            (60, 26),
            (48, 20),
            (38, 28),
            (42, 40),
            (56, 52),
            (64, 66),
            (54, 80),
            (40, 76),
            (38, 64),
            (50, 50),
            (62, 38),
            (60, 26),
        ]
    ],
    "9": [[(63, 30), (52, 20), (39, 27), (38, 42), (50, 48), (61, 42), (64, 30), (63, 50), (61, 66), (58, 82)]],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the site of this checkout, as `make site` does."""
    if not all((ROOT / each).exists() for each in ("models/champion", "results/evaluation", "data/mnist")):
        pytest.fail("results are missing: `make repro` restores them", pytrace=False)
    target, here = tmp_path_factory.mktemp("site") / "site", Path.cwd()
    os.chdir(ROOT)
    try:
        make(target)
    finally:
        os.chdir(here)
    return target


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return chromium.axe(ROOT / "build" / "axe.min.js", tmp_path_factory.mktemp("axe"))


class Page:
    """A page of the site in a window, and all that went wrong in it."""

    def __init__(self, browser: Any, site: Path, name: str, width: int = 1440, scheme: str = "light") -> None:
        self.site, self.wrong = site, []
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.tab = context.new_page()
        self.tab.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("requestfailed", lambda request: self.wrong.append(request.url))
        self.go(name)

    def go(self, name: str) -> None:
        page, _, words = name.partition("#")
        self.tab.goto(f"{(self.site / page).as_uri()}.html" + (f"#{words}" if words else ""))
        self.tab.wait_for_load_state("load")
        if page == "draw":
            self.tab.wait_for_selector(".answer")

    def close(self) -> None:
        self.tab.context.close()
        assert self.wrong == []


@pytest.fixture
def opened(browser: Any, site: Path) -> Iterator[Any]:
    """Open pages; each must have had no error when the test is over."""
    pages: list[Page] = []

    def open_page(name: str, *window: Any) -> Page:
        pages.append(Page(browser, site, name, *window))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


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
    for name in every_page(site):
        text = (site / f"{name}.html").read_text()
        used = {(site / name).parent / each for each in re.findall(r'(?:src|href)="([^"#:]+\.(?:js|css))"', text)}
        assert len(text) + sum(path.stat().st_size for path in used) < 3_000_000, name


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


def test_the_front_is_read_by_keyboard(opened: Any):
    page = opened("index")
    link = page.tab.locator(".chart a[href='variants/champion.html']")
    link.focus()
    assert "19,524 parameters" in page.tab.inner_text(".tip:visible")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_url("**/variants/champion.html")


def test_the_theme_is_switched_and_kept(opened: Any):
    page = opened("index", 1440, "light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.tab.evaluate(colour)
    page.tab.click("#theme")
    assert page.tab.evaluate(colour) != light
    assert page.tab.inner_text("#theme") == "Light"
    page.go("claims")
    assert page.tab.evaluate(colour) != light


def draw(page: Page, lines: list[list[tuple[int, int]]]) -> None:
    box = page.tab.locator("#paper").bounding_box()
    for line in lines:
        for number, (x, y) in enumerate(line):
            page.tab.mouse.move(box["x"] + x / 100 * box["width"], box["y"] + y / 100 * box["height"], steps=3)
            if number == 0:
                page.tab.mouse.down()
        page.tab.mouse.up()


def settled(page: Page) -> str:
    """What is said once all that was drawn is answered."""
    page.tab.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )
    return page.tab.inner_text("#said")


@pytest.mark.parametrize("width", [360, 1440])
def test_drawn_digits_are_named(opened: Any, width: int):
    page = opened("draw", width)
    for digit, lines in STROKES.items():
        draw(page, lines)
        assert re.match(rf"{digit}, [\d.]+ %", settled(page)), (digit, page.tab.inner_text("#said"))
        assert page.tab.inner_text("#spoken") == page.tab.inner_text("#said")
        page.tab.click("#clear")
    assert settled(page) == "Nothing drawn yet."
    assert page.tab.locator("#layers").is_hidden()
    page.tab.click("#undo")
    assert settled(page).startswith("9,")


@pytest.mark.parametrize("digit", range(10))
def test_the_page_draws_digits_that_every_network_names(opened: Any, digit: int):
    page = opened("draw#network=one_pool-b64-step-rotate")
    page.tab.click(f"[data-sample='{digit}']")
    assert settled(page).startswith(f"{digit},")
    assert page.tab.locator(".answer").count() == 3  # it and the champions
    assert page.tab.locator(".layer canvas").count() > 5


def test_the_pen_writes_one_stroke_at_a_time_and_undo_takes_it_back(opened: Any):
    page = opened("draw")
    draw(page, STROKES["4"])
    assert settled(page).startswith("4,")
    page.tab.keyboard.press("Control+z")
    first = settled(page)
    page.tab.click("#undo")
    assert first != settled(page) == "Nothing drawn yet."
    assert page.tab.is_disabled("#undo")


def test_a_finger_draws_and_does_not_scroll(opened: Any):
    page = opened("draw", 360)
    box = page.tab.locator("#paper").bounding_box()
    finger = page.tab.context.new_cdp_session(page.tab)
    for number, (x, y) in enumerate(STROKES["2"][0]):
        places = [{"x": box["x"] + x / 100 * box["width"], "y": box["y"] + y / 100 * box["height"]}]
        kind = "touchMove" if number else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert settled(page).startswith("2,")
    assert page.tab.evaluate("scrollY") == 0


def photo(digit: str, paper: int = 210, ink: int = 60, form: str = "PNG") -> bytes:
    picture = Image.new("L", (400, 300), paper)
    for line in STROKES[digit]:
        ImageDraw.Draw(picture).line([(50 + 3 * x, 3 * y) for x, y in line], ink, 26, joint="curve")
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def give(page: Page, content: bytes, how: str, kind: str = "image/png") -> None:
    """Open, drop or paste a file."""
    if how == "open":
        page.tab.set_input_files("#file", {"name": "digit.png", "mimeType": kind, "buffer": content})
    else:
        page.tab.evaluate(
            """([text, kind, how]) => {
              const data = new DataTransfer();
              const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
              data.items.add(new File([bytes], "digit", { type: kind }));
              const event = how === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
              document.getElementById("paper").dispatchEvent(event);
            }""",
            [base64.b64encode(content).decode(), kind, how],
        )
    page.tab.wait_for_timeout(300)


@pytest.mark.parametrize("how", ["open", "drop", "paste"])
def test_a_picture_is_opened_dropped_or_pasted(opened: Any, how: str):
    page = opened("draw")
    give(page, photo("5", form="JPEG"), how, "image/jpeg")
    assert settled(page).startswith("5,")
    give(page, photo("2", paper=30, ink=200), how)
    assert settled(page).startswith("2,")


def test_what_is_no_picture_or_shows_nothing_is_said_and_changes_nothing(opened: Any):
    page = opened("draw")
    give(page, photo("7"), "open")
    give(page, b"words", "drop", "text/plain")
    assert page.tab.inner_text("#trouble") == "This is no picture that the browser can read."
    give(page, photo("7", paper=90, ink=90), "paste")
    assert page.tab.inner_text("#trouble") == "The picture shows nothing: all of it is as its rim."
    assert settled(page).startswith("7,")


def test_the_proof_is_green_for_every_network(opened: Any, site: Path):
    page = opened("proof")
    page.tab.click("#all")
    page.tab.wait_for_function("!document.getElementById('all').disabled", timeout=300_000)
    count = page.tab.locator("#proofs tbody tr").count()
    assert count > 0
    assert page.tab.inner_text("#verdict") == f"{count} of {count} checked are equal to the last bit."
    assert page.tab.locator("#proofs .yes").count() == count


def test_another_bias_makes_the_proof_red(browser: Any, site: Path, tmp_path: Path):
    shutil.copytree(site, tmp_path / "site")
    page = Page(browser, tmp_path / "site", "proof")
    name, seed = page.tab.evaluate("Object.values(document.querySelector('#proofs tbody tr').dataset).slice(0, 2)")
    file = tmp_path / "site" / "networks" / f"{name}-{seed}.js"
    head, text = file.read_text().split(" = ", 1)
    network = json.loads(text.strip().removesuffix(";"))
    bias = bytearray(base64.b64decode(network["head"]["bias"]))
    bias[2] ^= 1  # a lower bit may be rounded away in the logit
    network["head"]["bias"] = base64.b64encode(bias).decode()
    file.write_text(f"{head} = {json.dumps(network)};\n")
    page.go(f"proof#network={name}")
    page.tab.reload()
    page.tab.wait_for_selector("#proofs .equal span")
    assert page.tab.inner_text("#proofs .equal span >> nth=0") == "✗ not equal"
    page.close()
