"""A page of the site in a window, and what is cut off in it."""

from pathlib import Path
from typing import Any

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
