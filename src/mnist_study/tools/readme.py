"""The block of results in README.md: the opening of reports/study.md and its table of means."""

import re
from pathlib import Path

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.running import console

README, PAGE = Path("README.md"), Path("reports/study.md")
BEGIN, END = "<!-- results: `make readme` copies them from reports/study.md -->", "<!-- end of results -->"


def update() -> None:
    """Write the block into README.md, at the top of a checkout."""
    files.write(README, replaced(README.read_text(), block(PAGE.read_text())).encode())


def block(page: str) -> str:
    """Take the page's opening, with links that work from here, and its first table of means, if there is one."""
    linked = opening(page).replace("](#", f"]({PAGE}#")
    means = re.search(r"^Mean test accuracy .*?\n\n.*?(?=\n\n)", page, re.M | re.S)
    return f"{linked}\n\n{means[0]}" if means else linked


def opening(page: str) -> str:
    """Take what stands between the page's title and its contents."""
    return page.partition("\n\n- [")[0].partition("\n\n")[2]


def replaced(text: str, block: str) -> str:
    """Put the block between the two marks in README's text; raises UserError where a mark is missing."""
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"README.md: needs a line `{BEGIN}` and after it `{END}`")
    return f"{before}{begin}\n{block}\n\n{end}{after}"


if __name__ == "__main__":
    with console.plain_errors():
        update()
