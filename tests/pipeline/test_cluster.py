"""`make study RAY=...` on a real Ray cluster of three nodes on this machine: one dies, the bytes are those of repro."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_study.tools.parallel.ray import worker
from tests.pipeline.test_parallel import copy, outcome, wait_until
from tests.support import COMMAND
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

NEW = """\
  a: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64}
  b: {architecture: two_pool, scheduler: one_cycle, augmentation: rotate, batch_size: 64}
  c: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 32}
  d: {architecture: two_pool, scheduler: plateau, augmentation: rotate, batch_size: 128}
"""
MORE = """\
  good: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64}
  bad: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64, lr: 10, weight_decay: 0.99}
"""
MEGABYTES = 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head for the driver alone and three nodes of one CPU, whose workers stand back for no other process."""
    pytest.importorskip("ray", reason="pip install -e '.[cluster]'")

    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 200 * MEGABYTES}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": {"worker_niceness": 0}}
    cluster = Cluster(initialize_head=True, head_node_args={**head, **small})
    for _ in range(3):
        cluster.add_node(num_cpus=1, **small)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def prepared(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Six variants of one epoch, of which two have been trained otherwise before, committed."""
    checkout = copy(finished, tmp_path_factory.mktemp("prepared") / "copy")
    checkout.edit("params.yaml", "lr: 0.05", "lr: 0.04")
    params = checkout.folder / "params.yaml"
    params.write_text(params.read_text() + NEW)
    checkout.run("git", "commit", "--quiet", "--all", "--message", "six variants")
    checkout.repro("transforms")
    return checkout


@pytest.fixture(scope="module")
def serial(prepared: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    checkout = copy(prepared, tmp_path_factory.mktemp("serial") / "copy")
    checkout.repro()
    return outcome(checkout)


@pytest.fixture
def changed(prepared: Checkout, tmp_path: Path) -> Checkout:
    """A copy of it with a folder as the remote that all nodes reach."""
    checkout = copy(prepared, tmp_path / "copy")
    checkout.run("dvc", "remote", "add", "--local", "shared", str(tmp_path / "shared"))
    return checkout


def study(cluster: Any, *options: str) -> list[str]:
    return [*COMMAND, "study", "--ray", cluster.address, "--remote", "shared", *options]


@pytest.fixture
def left() -> Callable[[], set[str]]:
    """Give a function that names the checkouts of this machine that were not there before."""
    before = set(worker.homes().glob("*"))
    return lambda: {path.name for path in set(worker.homes().glob("*")) - before}


def test_a_node_dies_and_the_lock_is_that_of_repro(
    cluster: Any, changed: Checkout, serial: dict[str, bytes], left: Callable[[], set[str]], tmp_path: Path
):
    said, killed = [], ""
    with subprocess.Popen(study(cluster), cwd=changed.folder, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        for line in driver.stdout:
            print(line, end="", flush=True)
            said.append(line)
            found = re.search(r"started on \S+-(\w{4})\n", line)
            second_task = "".join(said).count(": started on ") > len(cluster.worker_nodes)
            if found and not killed and second_task:
                killed = found[1]
                (dead,) = [each for each in cluster.worker_nodes if each.node_id.startswith(killed)]
                time.sleep(2)
                cluster.remove_node(dead, allow_graceful=False)
                print(f"# node {killed} is dead")
    assert driver.returncode == 0
    assert killed
    assert re.search(r": started again on ", "".join(said))
    assert outcome(changed) == serial
    log = (changed.folder / "build" / "logs" / "report.log").read_text()
    assert "Running stage 'report'" in log
    assert "Running stage 'train@" not in log
    assert changed.repro() == []
    assert not left()

    again = changed.run(*study(cluster))
    assert "0 of 6 variants to train on the cluster" in again.stdout

    shutil.copytree(changed.folder / ".git", tmp_path / "fresh" / ".git")
    fresh = Checkout(tmp_path / "fresh", changed.mnist)
    fresh.run("git", "reset", "--quiet", "--hard")
    fresh.run("dvc", "remote", "add", "--local", "--default", "shared", str(tmp_path / "shared"))
    ran = fresh.repro("--pull")
    assert "report" in ran
    assert not [stage for stage in ran if stage.startswith(("train@", "evaluate@"))]
    record = {"metrics/trained_on.json": serial["metrics/trained_on.json"]}  # git alone carries it
    assert outcome(fresh) | record == serial


def test_ctrl_c_ends_all_and_started_again_only_what_is_missing_runs(
    cluster: Any, changed: Checkout, serial: dict[str, bytes], left: Callable[[], set[str]], tmp_path: Path
):
    errors, command = tmp_path / "errors", study(cluster)
    with (
        errors.open("w") as file,
        subprocess.Popen(command, cwd=changed.folder, stdout=subprocess.PIPE, stderr=file, text=True) as driver,
    ):
        assert driver.stdout
        while "done in" not in (line := driver.stdout.readline()) or "of 6" not in line:
            assert driver.poll() is None
        driver.send_signal(signal.SIGINT)
        done = 1 + len(re.findall(r": done in .* of 6\n", driver.stdout.read()))
    assert driver.returncode == 130
    assert "interrupted" in errors.read_text().splitlines()  # Ray may have its own to say after it
    assert "Traceback" not in errors.read_text()
    wait_until(lambda: not any(map(workers, "abcd")) and not trainings(), seconds=30)
    assert left()

    again = changed.run(*command)
    assert f"{6 - done} of 6 variants to train on the cluster" in again.stdout
    assert outcome(changed) == serial
    assert not left()


def test_a_failure_a_dead_worker_and_changes_that_no_commit_has(cluster: Any, checkout: Checkout, tmp_path: Path):
    checkout.run("dvc", "remote", "add", "--local", "shared", str(tmp_path / "shared"))
    params = checkout.folder / "params.yaml"
    params.write_text(params.read_text() + MORE)
    refused = checkout.run(*study(cluster), check=False)
    assert refused.returncode == 1
    assert refused.stderr == "error: uncommitted: params.yaml; commit them, or take them along with DIRTY=1\n"

    for node in [*cluster.worker_nodes][2:]:  # both stay busy, so that the job goes on in the dead worker's checkout
        cluster.remove_node(node)
    command = study(cluster, "--dirty")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=checkout.folder, stdout=pipe, stderr=pipe, text=True) as driver:
        wait_until(lambda: training("good") or driver.poll() is not None, seconds=240)
        killed = workers("good")
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        said, errors = driver.communicate()
    assert driver.returncode == 1, errors
    assert killed
    assert "2 of 4 variants to train on the cluster" in said
    assert re.search(r"^good: done in ", said, re.M)
    assert re.search(r"^error: bad: on \S+: variants\.bad: .*; see build/logs/bad\.log$", errors, re.M)
    assert (checkout.folder / "build" / "logs" / "bad.log").exists()
    lock = (checkout.folder / "dvc.lock").read_text()
    assert "evaluate@good:" in lock
    assert "@bad:" not in lock

    checkout.edit("params.yaml", "lr: 10, weight_decay: 0.99", "lr: 0.04")
    done = checkout.run(*command)
    assert "1 of 4 variants to train on the cluster" in done.stdout
    assert checkout.repro() == []


def trainings() -> list[str]:
    """The commands that run in a checkout of a worker."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if worker.homes() in (process / "cwd").readlink().parents:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def training(job: str) -> bool:
    """Tell whether a worker's DVC has begun to train, so that it holds the stage."""
    return any(f"stages.train {job} " in command for command in trainings())


def workers(job: str) -> list[int]:
    """The processes of Ray that run a job."""
    found = subprocess.run(["pgrep", "--full", f"^ray::{job}( |$)"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]
