"""What a kill or a full disk may have left: locks, half a MNIST, temporary files."""

import fcntl
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mnist_study.download.fit import shifted
from mnist_study.tools import dvc
from mnist_study.tools.doctor.finding import Finding

RWLOCK, GUARD = Path(".dvc/tmp/rwlock"), Path(".dvc/tmp/rwlock.lock")
PROC = Path("/proc/self")
MNIST = Path("data/mnist")
LITTER = (
    "data/.mnist-*",
    ".reports-*",
    "build/**/.*-*",
    "models/*/.*-*",
    "results/*/.*-*",
    "data/transforms/.*-*",
    "metrics/.*-*",
    "reports/plots/.*-*",
    ".dvc.lock-*",
    ".params.yaml-*",
)


def check_locks(top: Path) -> Iterator[Finding]:
    """Remove a lock of DVC's that is torn, or whose holders have all ended; leave it to a DVC that is writing it.

    DVC itself removes the claims of processes that are gone, but takes a zombie for alive: in a container without an
    init, that is what a killed DVC stays.
    """
    if (top / RWLOCK).exists():
        with _guard(top / GUARD) as ours:
            if ours and (finding := _check_lock(top)):
                yield finding


def _check_lock(top: Path) -> Finding | None:
    path = top / RWLOCK
    try:
        text = path.read_text()
        json.loads(text)
    except FileNotFoundError:
        return None
    except ValueError:
        torn = f"{RWLOCK} was half written"
        if not PROC.exists():
            return Finding(torn, f"`rm {RWLOCK}` once no DVC runs")
        if pids := dvc.running(top):
            return Finding(f"{torn}, and DVC runs here (process {pids[0]})", "run this again when that has ended")
        path.unlink()
        return Finding(torn, "it is removed", needs_a_hand=False)
    holders = re.findall(r'"pid": (\d+)', text)
    if not holders or not all(map(_ended, holders)):
        return None
    path.unlink()
    return Finding(f"{RWLOCK} was held by what has ended", "it is removed", needs_a_hand=False)


@contextmanager
def _guard(path: Path) -> Iterator[bool]:
    """Hold the file that DVC locks while it reads and writes its lock; tell whether that worked within a second."""
    with path.open("ab") as file:  # makes it where there is none yet, as DVC does
        yield any(_locked(file) for _ in range(10))


def _locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        time.sleep(0.1)
        return False
    return True


def _ended(pid: str) -> bool:
    """Tell by /proc whether a process is gone or a zombie; without /proc it counts as alive."""
    if not PROC.exists():
        return False
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check_mnist(top: Path) -> Iterator[Finding]:
    """Hold the four files against the SHA-256 that build/data.json has."""
    folder = top / MNIST
    if not folder.exists():
        yield Finding(f"{MNIST} is not there yet", "`dvc repro download` fetches it", needs_a_hand=False)
        return
    try:
        images = json.loads((top / "build/data.json").read_text())["images"]
    except (OSError, ValueError, KeyError):  # `dvc repro` writes it again
        return
    for name, file in images["files"].items():
        path = folder / name
        first = images["first_label"] if "labels" in name else 0  # `download` has them count from 0
        if not path.exists() or hashlib.sha256(shifted(path.read_bytes(), first)).hexdigest() != file["sha256"]:
            what = "damaged" if path.exists() else "missing"
            cure = f"`rm -r {MNIST}`, then `dvc repro --force --single-item download`"
            yield Finding(f"{path.relative_to(top)} is {what}", cure)


def check_litter(top: Path) -> Iterator[Finding]:
    """Tell temporary files and folders, which only take room."""
    for path in sorted({path for pattern in LITTER for path in top.glob(pattern)}):
        name = path.relative_to(top)
        yield Finding(f"{name} was left by something that was killed", f"`rm -r {name}`", needs_a_hand=False)
