"""What a kill or a full disk may have left: locks, half a MNIST, temporary files."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from mnist_study.download.contents import SHA256
from mnist_study.tools.doctor.finding import Finding

RWLOCK = Path(".dvc/tmp/rwlock")
MNIST = Path("data/mnist")
LITTER = ("data/.mnist-*", ".reports-*", "build/**/.*-*", "models/*/.*-*", "results/*/.*-*", "data/transforms/.*-*")


def check_locks(top: Path) -> Iterator[Finding]:
    """Remove a lock of DVC's that is half written, or whose holders have all ended.

    DVC itself removes the claims of processes that are gone, but takes a zombie for alive: in a container without an
    init, that is what a killed DVC stays.
    """
    path = top / RWLOCK
    try:
        text = path.read_text()
        json.loads(text)
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink()
        yield Finding(f"{RWLOCK} was half written", "it is removed", needs_a_hand=False)
        return
    holders = re.findall(r'"pid": (\d+)', text)
    if holders and all(map(_ended, holders)):
        path.unlink()
        yield Finding(f"{RWLOCK} was held by what has ended", "it is removed", needs_a_hand=False)


def _ended(pid: str) -> bool:
    """Tell by /proc whether a process is gone or a zombie; without /proc it counts as alive."""
    if not Path("/proc/self").exists():
        return False
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check_mnist(top: Path) -> Iterator[Finding]:
    """Hold the four files against their SHA-256."""
    folder = top / MNIST
    if not folder.exists():
        yield Finding(f"{MNIST} is not there yet", "`dvc repro download` fetches it", needs_a_hand=False)
        return
    for name, expected in SHA256.items():
        path = folder / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            what = "damaged" if path.exists() else "missing"
            cure = f"`rm -r {MNIST}`, then `dvc repro --force --single-item download`"
            yield Finding(f"{path.relative_to(top)} is {what}", cure)


def check_litter(top: Path) -> Iterator[Finding]:
    """Tell temporary files and folders, which only take room."""
    for path in sorted({path for pattern in LITTER for path in top.glob(pattern)}):
        name = path.relative_to(top)
        yield Finding(f"{name} was left by something that was killed", f"`rm -r {name}`", needs_a_hand=False)
