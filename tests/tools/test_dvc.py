"""`mnist-study dvc`: real DVC, in a terminal, without the lines that say that nothing happened."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import COMMAND

PIPELINE = """\
stages:
  first: {cmd: test -t 1 && echo a terminal > first && echo working, outs: [first]}
  second: {cmd: cp first second, deps: [first], outs: [second]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n    remote = here\n")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    return tmp_path


def in_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Give the exit status and all that a terminal shows, without colours."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "dvc", *arguments], cwd=folder, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    return process.returncode, re.sub(r"\x1b\[[\d;]*m", "", shown.decode())


def test_what_runs_is_seen_and_what_does_not_run_is_not(project: Path):
    status, shown = in_a_terminal(project, "repro")
    assert status == 0
    assert "Running stage 'first'" in shown
    assert "working" in shown  # the stage itself saw a terminal
    assert "dvc push" not in shown
    assert in_a_terminal(project, "repro") == (0, "")


def test_an_error_is_seen(project: Path):
    (project / "dvc.yaml").write_text(PIPELINE.replace("cp first", "cp nothing"))
    status, shown = in_a_terminal(project, "repro")
    assert status != 0
    assert "failed to reproduce 'second'" in shown
