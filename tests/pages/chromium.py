"""Chromium that reaches no network, driven by Playwright; and axe-core from npm, checked."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mnist_study.core import files
from mnist_study.download import contents
from mnist_study.download.sources import npm_pack

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE, AXE_SHA256 = "axe-core@4.14.1", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND"


def find() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail(
            f"no browser to open the pages with: install Chromium (one of {', '.join(BROWSERS)})", pytrace=False
        )
    return found


@contextmanager
def launched() -> Iterator[Any]:
    """Give Playwright's browser, which is this system's: nothing is downloaded."""
    try:
        playwright = import_module("playwright.sync_api")
    except ImportError:
        pytest.fail("Playwright is missing: .venv/bin/pip install -e '.[test-pages]'", pytrace=False)
    with playwright.sync_playwright() as started:
        # No sandbox, which needs rights that root and containers lack: the pages are our own.
        browser = started.chromium.launch(executable_path=find(), args=["--no-sandbox", OFFLINE])
        yield browser
        browser.close()


def axe(kept: Path, work: Path) -> str:
    """Give axe-core's script; npm fetches it into `work` where `kept` does not hold it yet."""
    if not kept.exists() or hashlib.sha256(kept.read_bytes()).hexdigest() != AXE_SHA256:
        npm_pack([AXE], work, 120)
        member = "package/axe.min.js"
        content = contents.members(work / f"{AXE.replace('@', '-')}.tgz", [member])[member]
        assert hashlib.sha256(content).hexdigest() == AXE_SHA256
        files.write(kept, content)
    return kept.read_text()
