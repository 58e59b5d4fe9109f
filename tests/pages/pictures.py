"""Draw the pictures of docs/site.md from the folder `site`: `make pictures`."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.pages import chromium
from tests.support import ROOT

SITE, PICTURES = ROOT / "site", ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1100, 1040
BROAD, LAYERS = 1440, 5  # of the page to draw on: its width, and how many layers the picture shows


def save(name: str, shot: bytes) -> None:
    """In 256 colours, which makes the file smaller."""
    path = PICTURES / f"site-{name}.png"
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(256).save(path, optimize=True)
    print(path.relative_to(Path.cwd()))


def main() -> None:
    with chromium.launched() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((SITE / "index.html").as_uri())
        page.wait_for_selector(".chart svg a")
        save("overview", page.screenshot())
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": BROAD, "height": HEIGHT})
        page.goto(f"{(SITE / 'draw.html').as_uri()}#network=champion")
        page.wait_for_selector(".answer")
        for _ in range(20):  # so that the browser has compiled the scorer
            page.click("[data-sample='3']")
        page.mouse.move(0, 0)
        last = page.locator(f".layer >> nth={LAYERS - 1}").bounding_box()
        end = last["y"] + page.evaluate("scrollY") + last["height"] + 16
        save("draw", page.screenshot(clip={"x": 0, "y": 0, "width": BROAD, "height": end}, full_page=True))


if __name__ == "__main__":
    try:
        main()
    except pytest.fail.Exception as error:  # what is missing, in a line
        raise SystemExit(str(error)) from None
