"""What the doctor misses: the bundled store where git has one to restore, objects where params.yaml needs them."""

import shutil
from pathlib import Path

import pytest

from mnist_study.tools import dvc, git, lockfile
from mnist_study.tools.doctor.objects import check_restorable, check_store


def test_a_store_that_git_has_is_missed_and_that_of_a_new_copy_is_not(tmp_path: Path):
    git.run("init", "--quiet", folder=tmp_path)
    assert list(check_store(tmp_path)) == []
    kept = tmp_path / ".dvc/store/files/md5/d4/1d8cd98f00b204e9800998ecf8427e"
    kept.parent.mkdir(parents=True)
    kept.touch()
    git.run("add", ".", folder=tmp_path)
    assert list(check_store(tmp_path)) == []
    shutil.rmtree(tmp_path / ".dvc")
    (found,) = check_store(tmp_path)
    assert found.what == ".dvc/store is missing"
    git.run("rm", "-r", "--quiet", "--cached", ".dvc/store", folder=tmp_path)
    assert list(check_store(tmp_path)) == []  # as where results went to another remote


def write_lock(top: Path, *variants: str) -> None:
    """An object is of one letter only, the variant's first; params.yaml has the first variant."""
    entry = "  train@{}:\n    cmd: run\n    outs:\n    - path: models\n      hash: md5\n      md5: {}\n      size: 1\n"
    (top / "dvc.lock").write_text(lockfile.HEAD + "".join(entry.format(name, name[0] * 32) for name in variants))
    (top / "params.yaml").write_text(f"variants:\n  {variants[0]}: {{}}\n")


def test_what_a_variant_that_is_gone_made_is_not_missed(tmp_path: Path):
    """After `dvc gc` its objects are nowhere, and no run would make them again."""
    write_lock(tmp_path, "alive", "dead")
    (found,) = check_restorable(tmp_path)
    assert found.what == "neither cache nor store has what these stages made: train@alive"


@pytest.mark.parametrize(("elsewhere", "notes"), [("", 1), ("/far", 0)])
def test_dvc_is_known_not_to_look_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: str, notes: int
):
    """Where the cache is gone, `dvc repro` trains again what the store has, unless it is pulled first."""
    monkeypatch.setattr(dvc, "cache_folder", lambda: elsewhere)
    write_lock(tmp_path, "alive")
    for root in (".dvc/store", ".dvc/cache"):
        path = tmp_path / root / "files/md5/aa" / ("a" * 30)
        path.parent.mkdir(parents=True)
        path.touch()
    assert list(check_restorable(tmp_path)) == []
    shutil.rmtree(tmp_path / ".dvc/cache")
    found = list(check_restorable(tmp_path))
    assert [each.what for each in found] == ["only the store has what these stages made: train@alive"] * notes
    assert not any(each.needs_a_hand for each in found)
