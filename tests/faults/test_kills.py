"""SIGKILL at random moments, thirty times: the next run ends with the same bytes, and no lock needs a hand.

DVC writes dvc.lock in place. Killed while it does, it leaves half of it; then the doctor's command comes first.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.pipeline.test_parallel import STUDY, commands, outcome, wait_until
from tests.pipeline.test_pipeline import ONE
from tests.support.checkout import Checkout

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc"),
]
KILLS = 30
DOCTOR = (sys.executable, "-m", "mnist_study.tools.doctor", "--quick")
REPRO = (sys.executable, "-m", "dvc", "repro")
COMMANDS = {"a stage": REPRO, "dvc": REPRO, "dvc and all": REPRO, "the parallel run": STUDY}


@pytest.fixture(scope="module")
def changed(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One variant to be trained again, by the kernels; the other's evaluation and the report follow."""
    folder = tmp_path_factory.mktemp("changed") / "copy"
    shutil.copytree(finished.folder, folder)
    checkout = Checkout(folder, finished.mnist)
    before = f"{ONE}: {{architecture: one_pool,"
    checkout.edit("params.yaml", before, f"{before} engine: exact, lr: 0.04,")
    return checkout


def copies(checkout: Checkout, folder: Path) -> Generator[Checkout]:
    for number in range(10 * KILLS):
        shutil.copytree(checkout.folder, folder / str(number))
        yield Checkout(folder / str(number), checkout.mnist)
        shutil.rmtree(folder / str(number))


def start(checkout: Checkout, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "MNIST_DIR": str(checkout.mnist)}
    null = subprocess.DEVNULL
    return subprocess.Popen(
        command, cwd=checkout.folder, env=env, stdout=null, stderr=null, stdin=null, start_new_session=True
    )


def running_stage(checkout: Checkout) -> tuple[int, str] | None:
    """The process of a stage that runs in the checkout, and the stage's name."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            if (process / "cwd").readlink() == checkout.folder and words[1:2] == ["-m"] and "stages." in words[2]:
                return int(process.name), words[2]
        except (OSError, IndexError):
            continue
    return None


def quiet(checkout: Checkout) -> None:
    """Wait until nothing runs there any more; DVC takes what nobody has waited for yet, a zombie, for alive."""
    wait_until(lambda: not commands(checkout), seconds=60)
    lock = checkout.folder / ".dvc" / "tmp" / "rwlock"
    holders = re.findall(r'"pid": (\d+)', lock.read_text() if lock.exists() else "")
    wait_until(lambda: not any(Path("/proc", pid).exists() for pid in holders), seconds=60)


def kill(checkout: Checkout, what: str, process: subprocess.Popen[bytes]) -> str | None:
    """Kill it; say what ran then, or None where it was over or had no such part just then."""
    stage = running_stage(checkout)
    if process.poll() is not None or (what == "a stage" and stage is None):
        return None
    if what == "a stage" and stage is not None:
        os.kill(stage[0], signal.SIGKILL)
    elif what == "dvc and all":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait(timeout=60)
    quiet(checkout)
    return f"in {stage[1]}" if stage else "between stages"


def heal(checkout: Checkout) -> str:
    """Do what `make repro` says before it runs anything; say what that was."""
    said = checkout.run(*DOCTOR, check=False).stderr
    if not said:
        return ""
    assert said.startswith("WRONG dvc.lock is damaged ("), said
    checkout.run("git", "checkout", "--", "dvc.lock")
    return "dvc.lock half written, restored by the doctor's command; "


def test_killed_at_any_moment_the_next_run_gives_the_same_bytes(
    changed: Checkout,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
):
    """In four of every eight kills no kernel has been compiled before, so that the kill may come while one is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kernels"))
    fresh = copies(changed, tmp_path)
    assert start(next(fresh), REPRO).wait(timeout=300) == 0  # compiles
    whole, began = next(fresh), time.monotonic()
    assert start(whole, REPRO).wait(timeout=300) == 0
    lasted = time.monotonic() - began
    expected, status = outcome(whole), whole.git_status()
    moments, kills = random.Random(0), 0
    for checkout in fresh:
        what = list(COMMANDS)[kills % len(COMMANDS)]
        monkeypatch.setenv(
            "XDG_CACHE_HOME", str(tmp_path / ("kernels" if kills // len(COMMANDS) % 2 else f"kernels-{kills}"))
        )
        after = moments.uniform(0.05, 1.0) * lasted
        process = start(checkout, COMMANDS[what])
        time.sleep(after)
        where = kill(checkout, what, process)
        if where is None:  # over already, or between two stages
            process.kill()
            process.wait()
            quiet(checkout)
            continue
        kills += 1
        healed = heal(checkout)
        again = checkout.run(*REPRO, check=False)
        assert again.returncode == 0, (what, where, again.stderr)
        assert outcome(checkout) == expected, (what, where)
        assert checkout.git_status() == status
        assert checkout.run(*DOCTOR).stderr == ""
        trained = "trained again" if f"Running stage 'train@{ONE}'" in again.stdout else "not trained again"
        with capsys.disabled():
            print(
                f"\n{kills}: {what} killed after {after:.1f} s, {where}; {healed}{trained}; same bytes",
                end="",
                flush=True,
            )
        if kills == KILLS:
            break
    fresh.close()
    assert kills == KILLS
    record_property("faults", KILLS)
