"""The Makefile: its help is whole, and what it installs is checked by hash, with uv and with pip."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def make(*arguments: str, path: str = os.environ["PATH"]) -> str:
    env = {name: value for name, value in os.environ.items() if name not in ("UV", "MAKEFLAGS")} | {"PATH": path}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_help_names_every_target_and_every_option():
    shown = make("help")
    targets = set(re.findall(r"^([\w-]+):(?!=)", MAKEFILE, re.M))
    assert targets == set(re.findall(r"^  make ([\w-]+) ", shown, re.M))
    options = set(re.findall(r"\$\((?:if |or \$\()?([A-Z_]+)\)", MAKEFILE)) - {"INSTALL", "BEGIN", "CURDIR", "PATH"}
    assert options | {"BASE", "MNIST_STUDY_WORKERS", "MNIST_DIR"} <= set(re.findall(r"^  ([A-Z_]+)=", shown, re.M))


def test_the_columns_of_help_do_not_break():
    shown = make("help")
    assert {len(start) for start in re.findall(r"^  make [\w-]+ +", shown, re.M)} == {24}
    assert {len(start) for start in re.findall(r"^  \w+=\S* +", shown, re.M)} == {25}
    assert max(map(len, shown.splitlines())) <= 110


@pytest.mark.parametrize("uv", [True, False])
def test_set_up_checks_hashes_by_uv_where_there_is_one(uv: bool, tmp_path: Path):
    (tmp_path / "uv").touch(mode=0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    commands = make("--dry-run", "--always-make", "setup", *([] if uv else ["UV="]), path=path).splitlines()
    installs = [command for command in commands if " install " in command]
    assert len(installs) == 3
    for command in installs:
        assert command.startswith(f'"{tmp_path}/uv" pip install' if uv else ".venv/bin/python -m pip install")
        assert "--no-deps" in command
        assert ("--require-hashes" in command) == ("requirements" in command)
