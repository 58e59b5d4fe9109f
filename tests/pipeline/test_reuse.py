"""docs/reuse.md, followed in an empty folder: a copy for other images, its first run and its first tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support import ROOT
from tests.support.checkout import Checkout, copy_tracked
from tests.support.tiny import write_tiny_mnist

PAGE = (ROOT / "docs" / "reuse.md").read_text()
COMMANDS = re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)
SECTIONS = [YAML(typ="safe").load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)]
CONCERNED = (  # tests that read what differs between a copy and this project; `make test` runs them among others
    "configure/test_variants.py",
    "pipeline/test_notebook.py",
    "test_documents.py",
    "tools/site/test_scorer.py",
    "tools/test_lockfile.py",
    "tools/test_plan.py",
)


def edit(checkout: Checkout, **sections: object) -> None:
    """Write sections of params.yaml anew, as a user does in an editor."""
    yaml, path = YAML(), checkout.folder / "params.yaml"
    params = yaml.load(path)
    params.update(sections)
    yaml.dump(params, path)


def with_environment(folder: Path) -> None:
    """Lend the copy this environment: an installation takes minutes, and the network."""
    (folder / ".venv").mkdir()
    for entry in Path(sys.executable).parents[1].iterdir():
        if entry.name != "installed":
            (folder / ".venv" / entry.name).symlink_to(entry)
    (folder / ".venv" / "installed").touch()


def bash(checkout: Checkout, line: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line of the page."""
    return Checkout(folder or checkout.folder, checkout.mnist).run("bash", "-c", line, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Checkout:
    """The copy where `$EDITOR params.yaml` has been left with the section of Fashion-MNIST, on small files."""
    images, origin = tmp_path / "images", tmp_path / "origin"
    write_tiny_mnist(images)
    origin.mkdir()
    copy_tracked(origin)
    Checkout(origin, images).run("git", "init", "--quiet")
    Checkout(origin, images).commit()
    clone, remove, editor, *_ = COMMANDS[0].splitlines()
    checkout = Checkout(tmp_path / "mine", images)
    for line in (clone.replace("ADDRESS", origin.as_uri()), f"cd mine && {remove}"):
        done = bash(checkout, line, tmp_path)
        assert done.returncode == 0, done.stderr
    assert editor.startswith("$EDITOR params.yaml")
    with_environment(checkout.folder)
    fashion = SECTIONS[0]
    assert {*fashion} == {"target", "data", "champions", "variants"}
    fashion["data"]["sources"].pop(0)  # where there is a network, it would answer
    quick = {"epochs": 1, "seeds": [0], "engine": "torch"}
    variants = {name: fields | quick for name, fields in fashion["variants"].items()}
    edit(checkout, **fashion | {"variants": variants, "augmentations": {"plain": {}}})
    return checkout


@pytest.mark.slow
@pytest.mark.changes
def test_a_copy_for_other_images_passes_its_first_run_and_tests(copy: Checkout):
    run, editor, again, keep = COMMANDS[0].splitlines()[3:]
    refused = bash(copy, run)
    assert refused.returncode != 0
    hashes = re.findall(r"^error:     (\w+): \{sha256: (\w+)\}$", refused.stderr, re.M)
    assert len(hashes) == 4, refused.stderr
    data = YAML(typ="safe").load(copy.folder / "params.yaml")["data"]
    assert editor.startswith("$EDITOR params.yaml")
    edit(copy, data=data | {"files": {role: {"sha256": digest} for role, digest in hashes}})
    first = bash(copy, again)
    assert first.returncode == 0, first.stderr
    assert "2 variants on 200 test images of 10 classes; the best is " in first.stdout
    page = (copy.folder / "reports/study.md").read_text()
    assert not re.search("claim|published|row of the study", page)
    assert sorted(path.name for path in (copy.folder / "models").iterdir()) == ["larger", "small"]

    tests = f"'{sys.executable}' -m pytest -q -m 'not slow' {' '.join(f'tests/{name}' for name in CONCERNED)}"
    assert keep.endswith("make test")
    done = bash(copy, keep.replace("make test", tests))
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert copy.git_status() == ""
    assert "Running stage" not in bash(copy, again).stdout
    assert "WRONG" not in bash(copy, "make doctor").stdout

    in_another_remote(copy)
    kuzushiji = SECTIONS[1]
    edit(copy, data=data | kuzushiji)
    copy.run("dvc", "repro", "configure")
    assert kuzushiji["sources"][0] in (copy.folder / "build/data.json").read_text()
    assert f'"{kuzushiji["classes"][-1]}"' in (copy.folder / "build/images.json").read_text()


def in_another_remote(copy: Checkout) -> None:
    """Do as the page says; a clone of it restores all and trains nothing."""
    remote = copy.folder.parent / "remote"
    (lines,) = [block for block in COMMANDS if "dvc remote add" in block]
    for line in lines.replace("URL", str(remote)).splitlines():
        done = bash(copy, line)
        assert done.returncode == 0, (line, done.stderr)
    assert not (copy.folder / ".dvc/store").exists()
    assert "WRONG" not in bash(copy, "make doctor").stdout
    copy.run("git", "clone", "--quiet", ".", "../clone")
    clone = Checkout(copy.folder.parent / "clone", copy.mnist)
    clone.run("dvc", "pull", "--quiet", "--allow-missing")
    assert not [stage for stage in clone.repro() if stage.startswith(("train", "evaluate"))]
