"""Compare what this machine computes with the golden vectors and the landed networks: `mnist-study verify`."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from mnist_study.core.arithmetic import VERSION
from mnist_study.core.errors import UserError
from mnist_study.tools.golden import landed
from mnist_study.tools.golden.limits import limits
from mnist_study.tools.golden.networks import networks
from mnist_study.tools.golden.operations import Vector, operations
from mnist_study.tools.golden.trainings import computed
from mnist_study.train.environment import describe

FOLDER = Path("reference/arithmetic")
OPERATIONS, TRAININGS = FOLDER / "operations.json", FOLDER / "trainings.json"


def verify(device: str) -> bool:
    """Print a line for each difference, and two that say whether all is equal; tell whether it is.

    `device` is "cpu" or "cuda". Raises UserError where the vectors are missing, or the GPU.
    """
    results = verify_vectors(device), verify_landed(device)
    return all(results)


def verify_vectors(device: str = "cpu") -> bool:
    """Do so for the golden vectors."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device: cuda given; torch finds no GPU here, which leaves cpu")
    torch.set_num_threads(1)  # the networks are small, and others may need the cores
    begun, wrong, count = time.monotonic(), 0, 0
    expected = _read(OPERATIONS)
    with torch.device(device):
        vectors = plain_vectors()
    for name, vector in vectors.items():
        count += 1
        for part, gives in vector["gives"].items():
            if expected.get(name, {}).get("gives", {}).get(part) != gives:
                print(f"DIFFERENT {name}: {part}")
                wrong += 1
    hashes = _read(TRAININGS)
    for name, digest in computed(device):
        count += 1
        if hashes.get(name) != digest:
            print(f"DIFFERENT {name}: {digest}")
            wrong += 1
    about = describe(device)
    processor = [about["gpu"]] if "gpu" in about else [about["processor"], about["instructions"]]
    where = ", ".join([*processor, about["machine"], f"torch {about['packages']['torch']}"])
    print(f"arithmetic {VERSION} on {where}: {_verdict(count, wrong, 'vectors', begun)}")
    return not wrong


def verify_landed(device: str = "cpu") -> bool:
    """Do so for the networks whose weights are here."""
    begun, wrong, count = time.monotonic(), 0, 0
    for path, equal in landed.compared(device):
        count += 1
        if not equal:
            print(f"DIFFERENT {path}: logits are not those of {landed.LOGITS}")
            wrong += 1
    none = "none here; `make repro` restores them"
    print(f"landed networks: {_verdict(count, wrong, 'networks', begun) if count else none}")
    return not wrong


def _verdict(count: int, wrong: int, what: str, begun: float) -> str:
    verdict = f"{wrong} of them different" if wrong else "all equal"
    return f"{count} {what}, {verdict} ({time.monotonic() - begun:.0f} s)"


def plain_vectors() -> dict[str, Vector]:
    """Compute all vectors whose inputs and results are plain numbers, by name."""
    return operations() | limits() | networks()


def write() -> None:
    """Add the vectors that are missing.

    Raises UserError where one that is there would change: the arithmetic is frozen, so that is another version.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, vectors in ((OPERATIONS, plain_vectors()), (TRAININGS, dict(computed()))):
        new = json.loads(json.dumps(vectors))
        old = json.loads(path.read_text()) if path.exists() else {}
        if changed := [name for name in old if new.get(name) != old[name]]:
            what = f"{', '.join(changed)} would change; arithmetic {VERSION} is frozen"
            raise UserError(f"{path}: {what}: raise VERSION and delete the file, which makes every training stale")
        lines = [f"{json.dumps(name)}: {json.dumps(vector)}" for name, vector in (old | new).items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path}: missing; run this at the top of a checkout of mnist-study")
    return json.loads(path.read_text())


if __name__ == "__main__":
    write() if "--write" in sys.argv else sys.exit(not verify_vectors())
