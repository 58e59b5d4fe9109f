"""What a kill or a full disk may have left: locks, half a MNIST, temporary files."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from mnist_study.doctor.finding import Finding
from mnist_study.download.contents import SHA256

RWLOCK = Path(".dvc/tmp/rwlock")
MNIST = Path("data/mnist")
LITTER = ("data/.mnist-*", ".reports-*", "build/**/.*-*", "models/*/.*-*", "results/*/.*-*", "data/transforms/.*-*")


def check_locks(top: Path) -> Iterator[Finding]:
    """Remove a lock of DVC's that is half written. A whole one that a killed DVC held, DVC itself removes."""
    path = top / RWLOCK
    try:
        json.loads(path.read_text())
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink()
        yield Finding(f"{RWLOCK} was half written", "it is removed", needs_a_hand=False)


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
