"""The site's folder: put in place whole or not at all, and in place of nothing but a site."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.report.results.outcomes import Results
from mnist_study.tools.site import make as module
from mnist_study.tools.site import pages, study, trained
from mnist_study.tools.site.make import make
from tests.tools.site.test_study import WHOLE


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site of one page and one network."""
    networks = {"champion": {10: {"cells": []}}}
    monkeypatch.setattr(study, "read", lambda: WHOLE)
    monkeypatch.setattr(Results, "logits", lambda self: {"champion": {10: "ab" * 32}, "trained_by_torch": {}})
    monkeypatch.setattr(module, "_networks", lambda results: networks)
    monkeypatch.setattr(pages, "write", lambda found, hashes: {"index.html": "a page"})


@pytest.mark.usefixtures("small")
def test_it_is_written_and_written_again(tmp_path: Path):
    target = tmp_path / "out" / "site"
    assert re.fullmatch(rf"{target}/index.html: 3 files made, [\d.]+ MB", make(target))
    (target / "left over").touch()
    make(target)
    assert sorted(path.name for path in target.iterdir()) == ["assets", "index.html", "networks"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["site"]
    text = (target / "assets/study.js").read_text()
    data: dict[str, Any] = json.loads(text.removeprefix("window.STUDY = ").rstrip(";\n"))
    assert data["networks"] == {"champion": {"10": "ab" * 32}}
    assert (target / "networks/champion-10.js").read_text().startswith('(window.NETWORKS ||= {})["champion 10"] = {')


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["thesis", "assets/scorer.js"])  # the second is what the source of the site has
def test_a_folder_of_something_else_stays(name: str, tmp_path: Path):
    kept = tmp_path / "mine" / name
    kept.parent.mkdir(parents=True)
    kept.touch()
    for target in (tmp_path / "mine", kept):
        with pytest.raises(UserError, match=r": exists and holds no site; delete it or name another folder"):
            make(target)
    assert kept.exists()


@pytest.mark.usefixtures("small")
def test_an_empty_folder_becomes_a_site(tmp_path: Path):
    make(tmp_path)
    assert (tmp_path / "index.html").exists()


@pytest.mark.usefixtures("small")
def test_after_an_error_the_last_site_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "site"
    make(target)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        make(target)
    assert (target / "index.html").read_bytes() == b"a page"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_missing_weights_are_named(tmp_path: Path, recipe: Recipe):
    from mnist_study.core.policy import Policy

    with pytest.raises(UserError, match=r"seed-0.safetensors: missing; `dvc pull models/tiny` restores it"):
        trained.networks(recipe, Policy(0.1, 0.3, {}), tmp_path)
