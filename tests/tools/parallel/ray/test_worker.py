"""What a worker does with a checkout, and what the driver keeps of it. DVC runs here, Ray does not."""

import subprocess
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import dvc
from mnist_study.tools.parallel import local
from mnist_study.tools.parallel.plan import Job, single
from mnist_study.tools.parallel.ray import driver, worker
from tests.pipeline.test_parallel import wait_until

STAGES = """\
stages:
  train:
    cmd: echo once >> trained && echo weights > model
    deps: [recipe]
    outs: [model]
  evaluate:
    cmd: echo line && touch begun && test -e quick || sleep 60
    deps: [model]
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_a_checkout_of_a_dead_worker_serves_again_though_its_dvc_is_a_zombie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job, home = Job("a", (single("train"), single("evaluate"))), tmp_path
    (home / ".base").mkdir()
    folder = worker.checkout(job, home, lambda: pytest.fail("the base is there"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv(worker.SITE, str(worker.site(folder)))
    subprocess.run([*dvc.COMMAND, "init", "--quiet", "--no-scm"], check=True)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "recipe").touch()

    first = local.Running(job, tmp_path / "first.log", 1)
    wait_until(lambda: not first.ended() and (folder / "begun").exists(), seconds=60)
    with first.process:  # waited for at the end alone
        first.process.kill()  # a zombie from now on, and its stage goes on
        assert f'"pid": {first.process.pid}' in (folder / ".dvc" / "tmp" / "rwlock").read_text()
        with pytest.raises(UserError, match=r"^dvc repro .* train: exit status 255 after: .* is busy.*; see "):
            worker.follow(local.Running(job, tmp_path / "busy.log", 1), lambda: None)
        (folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n  evalu")
        (folder / "quick").touch()

        assert worker.checkout(job, home, lambda: pytest.fail("the base is there")) == folder
        assert not list(worker.running(folder))
        worker.follow(local.Running(job, tmp_path / "second.log", 1), lambda: None)
    assert (folder / "trained").read_text() == "once\n"
    assert "evaluate" in (folder / "dvc.lock").read_text()


def test_what_a_training_ran_on_comes_back_whether_or_not_it_went_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, told in {"new": '{"torch": "2"}', "old": ""}.items():
        outcome = worker.Outcome("node", "log", "", "", told, "no luck")
        driver.keep(Job(name, ()), outcome)
    assert (tmp_path / "build" / "trained_on" / "new.json").read_text() == '{"torch": "2"}'
    assert not (tmp_path / "build" / "trained_on" / "old.json").exists()
