"""Compare what this machine computes with the golden vectors: `mnist-study verify`."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from mnist_study.core.arithmetic import VERSION
from mnist_study.core.errors import UserError
from mnist_study.tools.golden.limits import limits
from mnist_study.tools.golden.networks import networks
from mnist_study.tools.golden.operations import Vector, operations
from mnist_study.tools.golden.trainings import computed
from mnist_study.train.environment import describe

FOLDER = Path("reference/arithmetic")
OPERATIONS, TRAININGS = FOLDER / "operations.json", FOLDER / "trainings.json"


def verify(device: str = "cpu") -> bool:
    """Print a line for each difference, and one that says whether all is equal; tell whether it is.

    `device` is "cpu" or "cuda". Raises UserError where the vectors are missing, or the GPU.
    """
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
    verdict = f"{wrong} of them different" if wrong else "all equal"
    print(f"arithmetic {VERSION} on {where}: {count} vectors, {verdict} ({time.monotonic() - begun:.0f} s)")
    return not wrong


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
    write() if "--write" in sys.argv else sys.exit(not verify())
