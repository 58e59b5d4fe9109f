"""The proof: the browser computes the bits that the site's maker computed, and notices another one."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.pages.page import Page

pytestmark = [pytest.mark.slow, pytest.mark.pages]


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
