"""What the doctor misses: the bundled store where git has one to restore, objects where params.yaml needs them."""

import shutil
from pathlib import Path

from mnist_study.tools import git, lockfile
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


def test_what_a_variant_that_is_gone_made_is_not_missed(tmp_path: Path):
    """After `dvc gc` its objects are nowhere, and no run would make them again."""
    entry = "  {}:\n    cmd: run\n    outs:\n    - path: models\n      hash: md5\n      md5: {}\n      size: 1\n"
    lock = "".join(entry.format(f"train@{name}", name[0] * 32) for name in ("alive", "dead"))
    (tmp_path / "dvc.lock").write_text(lockfile.HEAD + lock)
    (tmp_path / "params.yaml").write_text("variants:\n  alive: {}\n")
    (found,) = check_restorable(tmp_path)
    assert found.what == "neither cache nor store has what these stages made: train@alive"
