"""Drawing: by pen, finger or picture, and what the networks answer."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.tools.predict import picture, resample
from mnist_study.tools.predict.answer import probabilities
from tests.pages.page import Page
from tests.support import ROOT, photos

pytestmark = [pytest.mark.slow, pytest.mark.pages]

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
    champions = json.loads((ROOT / "build/plan.json").read_text())["champions"]
    assert page.tab.locator(".answer").count() == 1 + len(champions)
    assert page.tab.locator(".layer canvas").count() > 5


def test_the_mean_over_the_seeds_is_that_of_predict(opened: Any, tmp_path: Path):
    """Of a network in integers all is equal to the bit; the first seed's answer comes before the mean."""
    name = "one_pool-b64-step-rotate"
    page = opened(f"draw#network={name}&mean")
    page.tab.wait_for_selector(".answer >> nth=2")
    page.tab.wait_for_selector(".answer.stale", state="detached")
    page.tab.evaluate("""() => {
      window.told = [];
      const first = document.querySelector(".answer");
      const note = () => told.push([document.getElementById("said").textContent, first.matches(".stale")]);
      new MutationObserver(note).observe(first, { attributes: true });
    }""")
    draw(page, STROKES["3"])
    page.tab.wait_for_function("told.length && !told.at(-1)[1]")
    page.tab.wait_for_selector(".answer.stale", state="detached")
    told = page.tab.evaluate("told")
    assert told[0][1]
    assert "Nothing" not in told[0][0]

    ink = np.array(page.tab.evaluate("[...paper.ink]"), np.uint8).reshape(280, 280)
    Image.fromarray(ink).save(tmp_path / "drawn.png")
    image = resample.as_mnist(picture.read(tmp_path / "drawn.png"))
    pixels = page.tab.evaluate("[...document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data]")
    assert pixels[::4] == image.ravel().tolist()

    recipe = Recipe.read(ROOT / f"build/recipes/{name}.json")
    policy = Policy.read(ROOT / f"data/transforms/{recipe.augmentation}.json")
    expected = probabilities(recipe, policy, ROOT / "models" / name, image[None])[0]
    shown = page.tab.locator(".answer >> nth=0").locator("b").all_text_contents()[1::2]
    assert shown == [f"{100 * share:.1f} %" if share >= 0.0005 else "" for share in expected]
    assert told[-1][0] == page.tab.inner_text("#said") == page.tab.inner_text("#spoken") == f"3, {shown[3]}"
    heads = page.tab.locator(".answer h3").all_text_contents()
    assert heads[:2] == [
        f"{name}, seed 280, and the mean of 5 networks",
        "champion, seed 10, and the mean of 10 networks",
    ]
    page.tab.uncheck("[name=mean]")
    page.tab.wait_for_selector(".bars.two", state="detached")
    assert page.tab.url.endswith(f"#network={name}")


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


def test_a_pen_draws(opened: Any):
    page = opened("draw")
    box = page.tab.locator("#paper").bounding_box()
    pen = page.tab.context.new_cdp_session(page.tab)
    page.tab.evaluate("addEventListener('pointerdown', (event) => (window.kind = event.pointerType), true)")
    left, top, side = box["x"], box["y"], box["width"]
    places = [{"x": left + x / 100 * side, "y": top + y / 100 * side} for x, y in STROKES["2"][0]]
    kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1), "mouseReleased"]
    for number, (kind, place) in enumerate(zip(kinds, [*places, places[-1]], strict=True)):
        more = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen", "force": 0.2 + 0.05 * number}
        pen.send("Input.dispatchMouseEvent", {"type": kind, **place, **more})
    assert page.tab.evaluate("window.kind") == "pen"
    assert settled(page).startswith("2,")


def test_answers_of_the_drawing_before_are_dimmed_until_the_pen_rests(opened: Any):
    page = opened("draw")
    page.tab.evaluate("""() => {
      const whole = scorer.logits; // on a slow machine
      scorer.logits = (...given) => {
        for (const end = performance.now() + 20; performance.now() < end; );
        return whole(...given);
      };
      window.most = 0; // panels that were dimmed at once
      const note = () => (most = Math.max(most, document.querySelectorAll(".behind").length));
      new MutationObserver(note).observe(document.getElementById("answers"), { attributes: true, subtree: true });
    }""")
    box = page.tab.locator("#paper").bounding_box()
    page.tab.mouse.move(box["x"] + 100, box["y"] + 80)
    page.tab.mouse.down()
    page.tab.mouse.move(box["x"] + 120, box["y"] + 200)
    others = page.tab.locator(".answer").count() - 1
    page.tab.wait_for_function("most > 0 && !document.querySelector('.behind')")  # the pen rests on the paper
    assert page.tab.evaluate("most") == others
    page.tab.evaluate("most = 0")
    page.tab.mouse.move(box["x"] + 160, box["y"] + 240)
    page.tab.mouse.up()
    page.tab.wait_for_function("most > 0 && !document.querySelector('.behind')")


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
    frames, buffer = [Image.new("L", (40, 40), level) for level in (0, 255)], io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    give(page, buffer.getvalue(), "open", "image/gif")
    words = "There are 2 pictures in this file; give one of them as a picture of its own."
    assert page.tab.inner_text("#trouble") == words


def test_photos_with_shadows_are_named(opened: Any):
    page, generator = opened("draw"), np.random.default_rng(1)
    for digit in range(10):
        colours, buffer = photos.photo(photos.drawn(digit, generator), generator), io.BytesIO()
        Image.fromarray(np.uint8(255 * colours)).save(buffer, "PNG")
        give(page, buffer.getvalue(), "open")
        assert re.match(rf"(Unsure: perhaps )?{digit}, ", settled(page)), (digit, settled(page))
