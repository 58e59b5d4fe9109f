"""What is sent to a cluster's nodes, and the checkouts that they make of it. Neither Ray nor DVC runs here."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import dvc, git
from mnist_study.tools.parallel.plan import Job
from mnist_study.tools.parallel.ray import payload, worker

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed file, what the pipeline writes, and inputs that git ignores."""
    folder = tmp_path / "project"
    for name in (
        "code.py",
        "dvc.lock",
        "metrics/m.json",
        "build/recipes/a.json",
        "data/mnist/images",
        "build/logs/a.log",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".gitignore").write_text("/build/\n/data/\n")
    monkeypatch.chdir(folder)
    for name, value in payload.NOBODY.items():
        monkeypatch.setenv(name, value)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *words], check=True)
    return folder


def files(folder: Path) -> set[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] != ".git"}


def test_a_checkout_holds_the_code_and_the_inputs_and_nothing_that_the_pipeline_wrote(project: Path, tmp_path: Path):
    packed = payload.pack()
    sent = []
    for name in ("a", "b", "a"):
        folder = worker.checkout(Job(name, ()), tmp_path / "home", lambda: sent.append(1) or packed)
        assert files(folder) == {".gitignore", "code.py", "build/recipes/a.json", "data/mnist/images"}
        assert not subprocess.run(["git", "-C", folder, "status", "--short"], capture_output=True, check=True).stdout
    assert sent == [1]
    assert git.run("for-each-ref", payload.REF) == ""


def test_changes_that_no_commit_has_are_named_or_taken_along(project: Path, tmp_path: Path):
    before = payload.pack().name
    (project / "dvc.lock").write_text("what the pipeline writes is no change")
    assert payload.pack().name == before
    payload.check(dirty=False)
    (project / "code.py").write_text("changed")
    (project / "new.py").write_text("new")
    with pytest.raises(UserError, match=r"^uncommitted: code\.py, new\.py; "):
        payload.check(dirty=False)
    payload.check(dirty=True)
    packed = payload.pack()
    assert packed.name != before
    payload.unpack(packed, tmp_path / "there")
    assert (tmp_path / "there" / "code.py").read_text() == "changed"
    assert (tmp_path / "there" / "new.py").read_text() == "new"
    assert git.run("diff", "--cached", "--name-only") == ""


def test_a_checkout_that_cannot_be_made_is_an_error_of_the_node(project: Path, tmp_path: Path):
    broken = payload.Payload(b"no bundle", b"", "x")
    with pytest.raises(OSError, match="git fetch"):
        worker.checkout(Job("a", ()), tmp_path / "home", lambda: broken)
    worker.checkout(Job("a", ()), tmp_path / "home", payload.pack)  # nothing of it is in the way


def test_a_push_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dvc, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(worker.local, "SECONDS_TO_END", 0.2)
    monkeypatch.setattr(worker, "PAUSES", (0.0,))
    monkeypatch.setattr(worker, "PUSH_SECONDS", 0.1)
    monkeypatch.setattr(worker, "SECONDS", 0.05)
    with pytest.raises(UserError, match=r"^dvc push .* far train@a: no end after 0 s; see build/logs/a\.push\.log$"):
        worker.push(Job("a", (("repro", "train@a"),)), "far")
