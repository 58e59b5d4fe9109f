"""What the pages of `dvc plots` are made of: Vega from npm, checked, and the templates in .dvc/plots."""

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
import yaml
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer
from dvc_render.vega_templates import TEMPLATES

from mnist_study.core.errors import UserError
from mnist_study.tools import vega
from tests.support import ROOT

FILES = {"vega@1.0.0": b"draws", "vega-embed@2.0.0": b"embeds"}


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another npm: `pack` gives small packages; each call leaves a line in the file `calls` beside it."""
    for package, content in FILES.items():
        with tarfile.open(tmp_path / f"{package.replace('@', '-')}.tgz", "w:gz") as tar:
            member = tarfile.TarInfo(f"package/build/{package.partition('@')[0]}.min.js")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "npm"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\ncp {tmp_path}/*.tgz .\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    hashes = {package: hashlib.sha256(content).hexdigest() for package, content in FILES.items()}
    monkeypatch.setattr(vega, "PACKAGES", hashes)
    return script


def test_what_is_missing_or_damaged_is_fetched_and_nothing_else(npm: Path, tmp_path: Path):
    target = tmp_path / "vega"
    assert vega.fetch(target) == list(FILES)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        "vega.min.js": b"draws",
        "vega-embed.min.js": b"embeds",
    }
    assert vega.fetch(target) == []
    (target / "vega.min.js").write_text("half")
    assert vega.fetch(target) == ["vega@1.0.0"]
    calls = (npm.parent / "calls").read_text().splitlines()
    assert [re.findall(r"\S+@\S+", call) for call in calls] == [list(FILES), ["vega@1.0.0"]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "exit 1",
            "npm could not fetch vega@1.0.0, vega-embed@2.0.0: npm pack failed (status 1); without it, the page",
        ),
        ("exit 0", "vega@1.0.0 has no package/build/vega.min.js"),
        ("echo > vega-1.0.0.tgz", "vega@1.0.0 has no package/build/vega.min.js"),
        (None, "wrong SHA-256 for package/build/vega.min.js"),
    ],
)
def test_what_goes_wrong_is_told_and_nothing_is_written(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str | None, words: str
):
    if damage:
        npm.write_text(f"#!/bin/sh\n{damage}\n")
    else:
        monkeypatch.setitem(vega.PACKAGES, "vega@1.0.0", "0" * 64)
    with pytest.raises(UserError, match=re.escape(words)):
        vega.fetch(tmp_path / "vega")
    assert not (tmp_path / "vega").exists()


def test_without_npm_a_line_says_what_follows(npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="is not installed; without it, the page of `dvc plots show` takes Vega from"):
        vega.fetch(tmp_path / "vega")


def test_the_versions_are_those_of_dvcs_own_page():
    assert list(vega.PACKAGES) == re.findall(r"vega[a-z-]*@[\d.]+", str(VegaRenderer.SCRIPTS))


def test_the_page_takes_vega_from_beside_it_first():
    page = (ROOT / ".dvc" / "plots" / "page.html").read_text()
    for placeholder in (HTML.SCRIPTS_PLACEHOLDER, HTML.PLOTS_PLACEHOLDER, HTML.REFRESH_PLACEHOLDER):
        assert page.count(f"{{{placeholder}}}") == 1
    assert re.findall(r'src="(.*?)"', page) == [f"vega/{vega._file(package)}" for package in vega.PACKAGES]
    assert "//" not in "".join(re.findall(r"(?:src|href)=\S+", page))


def test_each_plots_template_is_there():
    built_in = {template.DEFAULT_NAME for template in TEMPLATES}
    for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]:
        (definition,) = plot.values()
        if definition["template"] not in built_in:
            json.loads((ROOT / ".dvc" / "plots" / f"{definition['template']}.json").read_text())
