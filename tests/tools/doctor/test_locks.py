"""DVC's lock: what a kill left is removed, what is alive or being written stays."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from dvc.lock import LockError, make_lock

from mnist_study.tools.doctor import leftovers

GONE = 2**22 - 1  # the largest process id of Linux
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


@pytest.fixture
def rwlock(tmp_path: Path) -> Path:
    """Where DVC has its lock, in a checkout in which it has run."""
    path = tmp_path / leftovers.RWLOCK
    path.parent.mkdir(parents=True)
    (tmp_path / leftovers.GUARD).touch()
    return path


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like `python -m dvc` in the checkout."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc"], cwd=tmp_path) as process:
        yield process
        process.kill()


def claims(*pids: int) -> str:
    return json.dumps({"write": {f"out{pid}": {"pid": pid, "cmd": "dvc repro"} for pid in pids}, "read": {}})


def said(top: Path) -> list[str]:
    return [str(finding) for finding in leftovers.check_locks(top)]


def test_a_lock_that_dvc_is_writing_is_looked_at_again_and_stays(rwlock: Path, tmp_path: Path):
    """DVC writes it in place, with this other lock in its hands."""
    rwlock.write_text('{"write": {"models/a": {"pi')
    guard = make_lock(str(tmp_path / leftovers.GUARD), tmp_dir=str(rwlock.parent))
    guard.lock()

    def end() -> None:
        rwlock.write_text(claims(os.getpid()))
        guard.unlock()

    timer = Timer(0.3, end)
    timer.start()
    assert said(tmp_path) == []
    timer.join()
    assert rwlock.read_text() == claims(os.getpid())


@pytest.mark.parametrize("text", ['{"write": {', claims(GONE)])
def test_a_lock_that_dvc_keeps_busy_stays(text: str, rwlock: Path, tmp_path: Path):
    rwlock.write_text(text)
    with make_lock(str(tmp_path / leftovers.GUARD), tmp_dir=str(rwlock.parent)):
        assert said(tmp_path) == []
    assert rwlock.read_text() == text


def test_where_dvc_never_held_its_other_lock_it_is_held_meanwhile(
    rwlock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / leftovers.GUARD).unlink()
    rwlock.write_text(claims(os.getpid()))

    def dvc_begins(top: Path) -> None:
        with pytest.raises(LockError), make_lock(str(top / leftovers.GUARD), tmp_dir=str(rwlock.parent)):
            pass

    monkeypatch.setattr(leftovers, "_check_lock", dvc_begins)
    assert said(tmp_path) == []


@needs_proc
def test_a_torn_lock_stays_while_dvc_runs_in_the_checkout(
    rwlock: Path, tmp_path: Path, command: subprocess.Popen[bytes]
):
    rwlock.write_text('{"write": {')
    while Path(f"/proc/{command.pid}/cmdline").read_bytes().count(b"\0") < 4:
        time.sleep(0.01)
    (line,) = said(tmp_path)
    assert line.startswith(f"WRONG .dvc/tmp/rwlock was half written, and DVC runs here (process {command.pid})")
    assert rwlock.exists()
    command.kill()
    time.sleep(0.1)  # it stays as a zombie
    assert said(tmp_path) == ["note  .dvc/tmp/rwlock was half written; it is removed"]
    assert not rwlock.exists()


@needs_proc
def test_a_dvc_of_another_checkout_is_no_reason_to_leave_it(tmp_path: Path, command: subprocess.Popen[bytes]):
    other = tmp_path / "other" / leftovers.RWLOCK
    other.parent.mkdir(parents=True)
    other.write_text("")
    assert said(tmp_path / "other") == ["note  .dvc/tmp/rwlock was half written; it is removed"]


@needs_proc
@pytest.mark.parametrize(("pids", "stays"), [([GONE], False), ([GONE, os.getpid()], True), ([], True)])
def test_claims_count_while_one_of_their_processes_lives(pids: list[int], stays: bool, rwlock: Path, tmp_path: Path):
    rwlock.write_text(claims(*pids))
    assert bool(said(tmp_path)) is not stays
    assert rwlock.exists() is stays


def test_without_proc_a_torn_lock_is_left_to_the_user(rwlock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leftovers, "PROC", tmp_path / "none")
    rwlock.write_text("{")
    assert said(tmp_path) == ["WRONG .dvc/tmp/rwlock was half written; `rm .dvc/tmp/rwlock` once no DVC runs"]
    assert rwlock.exists()
