"""What nothing names is listed first and deleted only when told to; real git, a dvc.lock that is made up."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import dvc
from mnist_study.tools.lockfile import HEAD
from mnist_study.tools.tidy import tidy

Git = Callable[..., None]
ROOTS = (".dvc/store", ".dvc/cache")


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def folder_of(name: str) -> tuple[str, str]:
    """The MD5 and the text of the list of a folder that holds one object."""
    text = json.dumps([{"md5": md5(name), "relpath": "seed-0"}])
    return f"{md5(text)}.dir", text


def entry(name: str) -> str:
    return (
        f"  train@{name}:\n    cmd: python -m stages.train {name}\n    outs:\n    - path: models/{name}\n"
        f"      hash: md5\n      md5: {folder_of(name)[0]}\n      size: 9\n"
    )


def study(*names: str, objects: bool = True) -> None:
    """Write params.yaml, dvc.lock and the objects of these variants, as a run and a push leave them."""
    Path("params.yaml").write_text("variants:\n" + "".join(f"  {name}: {{}}\n" for name in names))
    Path("dvc.lock").write_text(HEAD + "".join(map(entry, names)))
    for name in names if objects else ():
        for root in ROOTS:
            for object_, text in (folder_of(name), (md5(name), name)):
                path = Path(root) / "files/md5" / object_[:2] / object_[2:]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)


def held(name: str) -> list[bool]:
    """Tell for store and cache whether the variant's objects are all there; raises where only some are."""
    found = []
    for root in ROOTS:
        paths = [Path(root) / "files/md5" / each[:2] / each[2:] for each in (md5(name), folder_of(name)[0])]
        assert len({path.exists() for path in paths}) == 1
        found.append(paths[0].exists())
    return found


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with one commit, of the variant `kept`."""
    monkeypatch.chdir(tmp_path)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada")

    def run(*arguments: str) -> None:
        subprocess.run(["git", *who, *arguments], check=True, capture_output=True)

    run("init", "--quiet", "--initial-branch", "main")
    Path(".gitignore").write_text("/.dvc/cache/\n")
    study("kept")
    run("add", "--all")
    run("commit", "--message", "kept")
    return run


def named_by(git: Git, what: str) -> None:
    """Make a variant `other` that only this names; main and the working tree name `kept` alone."""
    git("switch", "--create", "other")
    study("kept", "other")
    git("add", "--all")
    if what == "stash":
        git("stash", "push", "--include-untracked")
        study("other", objects=True)  # git took the store along
    else:
        git("commit", "--message", "other")
        names = {"remote": "refs/remotes/origin/other", "tag": "refs/tags/v1", "experiment": "refs/exps/12/34/mine"}
        if what in names:
            git("update-ref", names[what], "other")
    git("switch", "--force", "main")
    if what != "branch":
        git("branch", "--delete", "--force", "other")
    study("kept", "other")
    study("kept")


@pytest.mark.parametrize("what", ["branch", "remote", "tag", "experiment", "stash"])
def test_what_git_still_names_is_kept(git: Git, what: str, capsys: pytest.CaptureFixture[str]):
    named_by(git, what)
    tidy(delete=True)
    assert held("other") == [True, True]
    assert capsys.readouterr().out.count(": 0 objects that nothing names") == 2


def test_what_nothing_names_is_listed_then_deleted(git: Git, capsys: pytest.CaptureFixture[str]):
    study("kept", "other")
    Path("params.yaml").write_text("variants:\n  kept: {}\n")
    git("add", "--all")
    git("commit", "--message", "without other, whose entry DVC leaves in dvc.lock")
    tidy(delete=False)
    said = capsys.readouterr().out
    assert "dvc.lock: entries that params.yaml does not name: train@other\n" in said
    assert ".dvc/store: 2 objects" in said
    assert ".dvc/cache: 2 objects" in said
    assert said.endswith("Nothing was deleted; `mnist-study tidy --delete` deletes this.\n")
    assert held("other") == [True, True]
    tidy(delete=True)
    assert (held("kept"), held("other")) == ([True, True], [False, False])
    assert Path("dvc.lock").read_text() == HEAD + entry("kept")


@pytest.mark.parametrize("params", ['variants: {"kept": {}}\n', "variants:\n  kept : {}\n"])
def test_what_params_name_in_another_style_is_kept(git: Git, params: str):
    Path("params.yaml").write_text(params)
    git("commit", "--all", "--message", "another style")
    tidy(delete=True)
    assert held("kept") == [True, True]
    assert Path("dvc.lock").read_text() == HEAD + entry("kept")


def test_a_policy_of_the_same_name_keeps_no_variant(git: Git, capsys: pytest.CaptureFixture[str]):
    study("kept", "other")
    Path("params.yaml").write_text("augmentations:\n  other: {}\nvariants:\n  kept: {}\n")
    tidy(delete=False)
    assert "entries that params.yaml does not name: train@other\n" in capsys.readouterr().out


def test_of_a_branch_whose_params_cannot_be_read_all_counts(git: Git):
    git("switch", "--create", "other")
    study("kept", "other")
    Path("params.yaml").write_text("variants: {\n")
    git("add", "--all")
    git("commit", "--message", "no YAML")
    git("switch", "main")
    study("kept", "other")
    study("kept")
    tidy(delete=True)
    assert held("other") == [True, True]


def test_a_folders_list_that_only_git_has_is_read_there(git: Git):
    """The cache is empty but for one object, and the store was not restored: its branch's commit has the list."""
    named_by(git, "branch")
    name = folder_of("other")[0]
    for root in ROOTS:
        (Path(root) / "files/md5" / name[:2] / name[2:]).unlink()
    tidy(delete=True)
    path = Path("files/md5") / md5("other")[:2] / md5("other")[2:]
    assert [(Path(root) / path).exists() for root in ROOTS] == [True, True]


def test_nothing_is_deleted_while_dvc_runs_or_where_a_file_is_damaged(git: Git, monkeypatch: pytest.MonkeyPatch):
    study("kept", "other")
    study("kept")
    with monkeypatch.context() as patched:
        patched.setattr(dvc, "running", lambda _: [7])
        with pytest.raises(UserError, match=r"DVC runs here \(process 7\)"):
            tidy(delete=True)
    Path("dvc.lock").write_text("stages: [\n")
    with pytest.raises(UserError, match=r"dvc\.lock: damaged"):
        tidy(delete=True)
    Path("params.yaml").unlink()
    with pytest.raises(UserError, match=r"params\.yaml: missing"):
        tidy(delete=True)
    assert held("other") == [True, True]
