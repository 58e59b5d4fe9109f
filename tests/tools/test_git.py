"""Git as the tools ask it: its words in one line, also where there is no git."""

from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import git, lockfile


def test_what_git_refuses_is_told_in_its_words(tmp_path: Path):
    with pytest.raises(UserError, match=r"^git rev-parse: .*not a git repository"):
        git.run("rev-parse", "--git-dir", folder=tmp_path)
    assert git.answer("rev-parse", "--git-dir", folder=tmp_path) == ""


def test_where_git_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"^git is not installed$"):
        git.run("version")
    assert lockfile.committed(tmp_path / "dvc.lock") == ""
