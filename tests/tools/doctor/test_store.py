"""The doctor misses the bundled store only where git has one to restore."""

import shutil
from pathlib import Path

from mnist_study.tools import git
from mnist_study.tools.doctor.objects import check_store


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
