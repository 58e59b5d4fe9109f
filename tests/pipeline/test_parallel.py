"""`make study` under real DVC: the same bytes as `dvc repro`, a failure, an end midway."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.test_pipeline import ONE
from tests.support import COMMAND
from tests.support.checkout import Checkout

pytestmark = pytest.mark.slow

STUDY = (*COMMAND, "study", "--jobs", "2")
NEW = """\
  another: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64, weight_decay: 0.00001}
  third: {architecture: two_pool, scheduler: one_cycle, augmentation: rotate, batch_size: 64}
"""
KEPT = ("dvc.lock", "models", "results", "metrics", "reports")


@pytest.fixture(scope="module")
def prepared(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Four variants: one up to date, one whose entry in dvc.lock is to be replaced, two without an entry yet."""
    checkout = copy(finished, tmp_path_factory.mktemp("prepared") / "copy")
    checkout.edit("params.yaml", f"{ONE}: {{architecture: one_pool,", f"{ONE}: {{architecture: one_pool, lr: 0.04,")
    add_new(checkout)
    checkout.repro("transforms")  # once for all tests
    return checkout


@pytest.fixture
def changed(prepared: Checkout, tmp_path: Path) -> Checkout:
    return copy(prepared, tmp_path / "copy")


def copy(checkout: Checkout, folder: Path) -> Checkout:
    shutil.copytree(checkout.folder, folder)
    return Checkout(folder, checkout.mnist)


def add_new(checkout: Checkout) -> None:
    params = checkout.folder / "params.yaml"
    params.write_text(params.read_text() + NEW)


def outcome(checkout: Checkout) -> dict[str, bytes]:
    """All that is in git or DVC's cache of it: dvc.lock, weights, results, reports."""
    paths = [path for name in KEPT for path in [checkout.folder / name, *(checkout.folder / name).rglob("*")]]
    return {str(path.relative_to(checkout.folder)): path.read_bytes() for path in paths if path.is_file()}


def commands(checkout: Checkout) -> list[str]:
    """What runs in the checkout, by /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == checkout.folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def end_midway(checkout: Checkout, number: signal.Signals) -> tuple[int, str]:
    """Start a study, end it while it trains; give its status and last words when nothing of it runs any more."""
    study = subprocess.Popen(STUDY, cwd=checkout.folder, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any((checkout.folder / "build" / "progress").glob("*.json")), seconds=120)
    os.kill(study.pid, number)
    _, words = study.communicate(timeout=12)
    wait_until(lambda: not commands(checkout), seconds=6)
    return study.returncode, words


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
def test_ended_by_ctrl_c_and_started_again_it_gives_the_bytes_of_repro(changed: Checkout, tmp_path: Path):
    serial = copy(changed, tmp_path / "serial")
    serial.repro()

    assert end_midway(changed, signal.SIGINT) == (130, "interrupted\n")
    assert "{}" in (changed.folder / ".dvc" / "tmp" / "rwlock").read_text()
    done = changed.run(*STUDY)
    assert "3 of 4 variants to train or evaluate, 2 at once" in done.stdout
    assert outcome(changed) == outcome(serial)
    assert changed.git_status() == serial.git_status()
    assert changed.repro() == []


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_it_outlives_it(changed: Checkout, number: signal.Signals):
    ends = {signal.SIGTERM: (143, "interrupted\n"), signal.SIGKILL: (-9, "")}
    assert end_midway(changed, number) == ends[number]


def test_a_failure_stops_no_other_and_is_named(checkout: Checkout):
    add_new(checkout)
    in_the_way = checkout.folder / "build" / "checkpoints" / "another"
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()
    done = checkout.run(*STUDY, check=False)
    assert done.returncode == 1
    why, rest = done.stderr.splitlines()
    assert why.startswith("error: another: ")
    assert why.endswith("; see build/logs/another.log")
    assert rest == "error: all other variants are done; the report was not run"
    lock = (checkout.folder / "dvc.lock").read_text()
    assert "evaluate@third:" in lock
    assert "train@another:" not in lock
