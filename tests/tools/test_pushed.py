"""What was not pushed is told by stage, with whose turn it is."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import dvc, pushed
from mnist_study.tools.doctor.__main__ import check_pushed
from mnist_study.tools.lockfile import HEAD

FOLDER, FILE, LISTED = "1" * 32 + ".dir", "2" * 32, "3" * 32
STAGE = """\
  train@{name}:
    cmd: python -m stages.train {name}
    outs:
    - path: models/{name}
      hash: md5
      md5: {folder}
      size: 9
    - path: results/training/{name}.json
      hash: md5
      md5: {file}
      size: 9
"""
Git = Callable[..., None]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository whose dvc.lock has one stage; nothing of it is in the store."""
    monkeypatch.chdir(tmp_path)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada")

    def run(*arguments: str) -> None:
        subprocess.run(["git", *who, *arguments], check=True, capture_output=True)

    run("init", "--quiet")
    Path("params.yaml").write_text("variants:\n  x: {}\n")
    Path("dvc.lock").write_text(HEAD + STAGE.format(name="x", folder=FOLDER, file=FILE))
    put(".dvc/cache", FOLDER, json.dumps([{"md5": LISTED, "relpath": "seed-0"}]))
    return run


def put(root: str, md5: str, text: str = "") -> None:
    path = Path(root) / "files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_each_object_of_a_stage_has_to_be_in_git(git: Git):
    put(".dvc/store", FOLDER, "[]")
    put(".dvc/store", FILE)
    put(".dvc/store", LISTED)
    assert pushed.unpushed() == {"train@x": ""}  # pushed, but `git add` was forgotten
    git("add", "--force", ".dvc/store")
    assert pushed.unpushed() == {}
    git("rm", "--quiet", "--force", f".dvc/store/files/md5/33/{LISTED[2:]}")
    assert pushed.unpushed() == {"train@x": ""}


def test_who_committed_the_entry_is_named(git: Git, capsys: pytest.CaptureFixture[str]):
    git("add", "dvc.lock")
    assert pushed.unpushed() == {"train@x": ""}
    git("commit", "--quiet", "--message", "forgot to push")
    assert pushed.unpushed() == {"train@x": "Ada"}
    with pytest.raises(UserError, match="results of 1 stages are not pushed: `dvc push`, then `git add"):
        pushed.main()
    assert capsys.readouterr().err == "train@x, by Ada\n"
    (finding,) = check_pushed(Path())
    assert str(finding).startswith("note  not pushed: what train@x made; `dvc push`")


def test_the_turn_is_that_of_who_committed_what_is_missing(git: Git):
    """Of a stage with several outs, one of which somebody else changed last, in a new commit."""
    git("add", "dvc.lock")
    git("commit", "--quiet", "--message", "all pushed")
    for md5, text in ((FOLDER, json.dumps([{"md5": LISTED, "relpath": "seed-0"}])), (LISTED, "")):
        put(".dvc/store", md5, text)
    git("add", "--force", ".dvc/store")
    changed = Path("dvc.lock").read_text().replace(FILE, "4" * 32)
    Path("dvc.lock").write_text(changed)
    git("-c", "user.name=Bob", "commit", "--quiet", "--all", "--message", "forgot to push")
    assert pushed.unpushed() == {"train@x": "Bob"}


def test_the_hook_looks_at_what_is_committed(git: Git):
    for md5, text in ((FOLDER, "[]"), (FILE, ""), (LISTED, "")):
        put(".dvc/store", md5, text)
    git("add", "--force", ".dvc/store")
    pushed.main()  # a training has written dvc.lock, which is not committed
    git("add", "dvc.lock")
    git("commit", "--quiet", "--message", "without the store", "dvc.lock")
    assert pushed.unpushed() == {}
    with pytest.raises(UserError, match="not pushed"):
        pushed.main()


def test_a_variant_that_is_gone_is_not_missed_and_a_damaged_list_is_no_traceback(git: Git):
    put(".dvc/cache", FOLDER, "[{")
    assert pushed.unpushed() == {"train@x": ""}
    Path("params.yaml").write_text("variants:\n  y: {}\n")
    assert pushed.unpushed() == {}


def test_another_default_remote_is_asked(git: Git, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dvc, "default_remote", lambda: "shared")
    monkeypatch.setattr(dvc, "held", lambda remote, objects: set(objects) if remote == "shared" else set())
    assert pushed.unpushed() == {}

    def silent(remote: str, objects: object) -> set[str]:
        raise UserError("remote shared: does not answer (no route)")

    monkeypatch.setattr(dvc, "held", silent)
    (finding,) = check_pushed(Path())
    assert "does not answer" in str(finding)


def test_a_remote_is_asked_by_dvc(git: Git, tmp_path: Path):
    shutil.rmtree(".dvc")
    for command in (["init", "--quiet"], ["remote", "add", "--quiet", "--default", "shared", str(tmp_path / "remote")]):
        subprocess.run([sys.executable, "-m", "dvc", *command], check=True)
    md5 = hashlib.md5(b"held", usedforsecurity=False).hexdigest()
    put("remote", md5, "held")
    assert dvc.default_remote() == "shared"
    assert dvc.held("shared", [md5, LISTED]) == {md5}


def test_what_is_never_pushed_and_what_git_has_are_not_missed(git: Git):
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(text.replace("train@x", "download"))
    assert pushed.unpushed() == {}
    Path("dvc.lock").unlink()
    assert pushed.unpushed() == {}
