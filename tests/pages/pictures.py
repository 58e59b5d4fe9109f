"""Draw the pictures of docs/site.md from the folder `site`: `make pictures`."""

import io
from pathlib import Path

from PIL import Image

from tests.pages import chromium
from tests.support import ROOT

SITE, PICTURES = ROOT / "site", ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1100, 1040


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
        page.goto(f"{(SITE / 'draw.html').as_uri()}#network=champion&mean")
        page.wait_for_selector(".answer")
        for _ in range(20):  # so that the browser has compiled the scorer
            page.click("[data-sample='3']")
        page.wait_for_selector(".layer canvas")
        page.wait_for_selector(".answer.stale", state="detached")
        page.mouse.move(0, 0)
        save("draw", page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": 1150}, full_page=True))


if __name__ == "__main__":
    main()
