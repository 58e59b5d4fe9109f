"""The site, made of this checkout's results, and a browser that reaches no network to open it with."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_study.tools.site.make import make
from tests.pages import chromium
from tests.pages.page import Page
from tests.support import ROOT


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium.launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return chromium.axe(ROOT / "build" / "axe.min.js", tmp_path_factory.mktemp("axe"))


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
