"""A revision that a review compares: which commit it is, what its results say of each seed."""

import json
import subprocess
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools.review import revision
from mnist_study.tools.review.revision import Revision


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test")
    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    return tmp_path


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def test_a_branch_is_compared_with_where_it_left_the_base(repository: Path):
    first = git("rev-parse", "HEAD")
    git("switch", "--quiet", "--create", "change")
    git("commit", "--quiet", "--allow-empty", "--message", "change")
    git("switch", "--quiet", "main")
    git("commit", "--quiet", "--allow-empty", "--message", "main goes on")
    git("switch", "--quiet", "change")
    assert revision.branch_point("main") == first


@pytest.mark.parametrize("base", ["", "nonsense", "--all", "main:file"])
def test_a_base_that_is_none_is_told_in_a_line(repository: Path, base: str):
    with pytest.raises(UserError, match=r"^BASE: .* given; allowed is a branch, tag or commit of this repository$"):
        revision.branch_point(base)


def test_a_base_without_a_common_commit_is_told_in_a_line(repository: Path):
    git("switch", "--quiet", "--orphan", "other")
    git("commit", "--quiet", "--allow-empty", "--message", "other")
    with pytest.raises(UserError, match=r"^BASE: main and HEAD have no commit in common"):
        revision.branch_point("main")


def test_metrics_of_a_seed_are_those_that_a_variant_of_it_would_have():
    history = [{"train_accuracy": 99.0, "test_accuracy": accuracy} for accuracy in (99.3, 99.5, 99.4)]
    contents = {
        "results/training/a.json": {"replicas": [{"history": history}] * 2},
        "results/evaluation/a.json": {"parameters": 1, "replicas": [{"test_accuracy": 99.4, "test_loss": 0.02}] * 2},
    }

    class Two(Revision):
        def __init__(self) -> None:
            self.params = {"target": {"accuracy": 99.4}}

        def result(self, path: str) -> bytes | None:
            return json.dumps(contents[path]).encode() if path in contents else None

    seeds = Two().seeds("a")
    assert seeds is not None
    assert len(seeds) == 2
    assert seeds[0]["best_epoch_test_accuracy"] == 99.5
    assert seeds[0]["epochs_to_target"] == 2
    assert Two().seeds("b") is None
