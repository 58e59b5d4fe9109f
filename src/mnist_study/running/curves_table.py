"""The table of learning curves, a line for each variant, seed and epoch: training adds to it, the report makes it."""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_study.core import files

VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")  # losses in nats, accuracies in percent
HEADER = ",".join(("variant", "seed", "epoch", *VALUES))


def line(variant: str, seed: int, row: Mapping[str, Any]) -> str:
    """Write one epoch's row of a history. Names hold no commas or quotes, so joining is enough."""
    return ",".join((variant, str(seed), str(row["epoch"]), *(f"{row[value]:.4f}" for value in VALUES)))


def table(lines: Iterable[str]) -> str:
    """Give the file's text."""
    return "".join(f"{each}\n" for each in (HEADER, *lines))


def add(path: Path, variant: str, seed: int, row: Mapping[str, Any]) -> None:
    """Add an epoch's line; it replaces what an earlier training of this seed left from this epoch on.

    So a training that ends like the one before it leaves the same bytes. Several processes may add at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        files.write(path, table(_with(lines, variant, seed, row)).encode())


def _with(lines: list[str], variant: str, seed: int, row: Mapping[str, Any]) -> list[str]:
    own = f"{variant},{seed},"
    mine = [place for place, each in enumerate(lines) if each.startswith(own)]
    same = [place for place, each in enumerate(lines) if each.startswith(f"{variant},")]
    start = mine[0] if mine else same[-1] + 1 if same else len(lines)
    before = tuple(f"{own}{epoch}," for epoch in range(1, row["epoch"]))
    earlier = [lines[place] for place in mine if lines[place].startswith(before)]
    others = [each for each in lines[start:] if not each.startswith(own)]
    return [*lines[:start], *earlier, line(variant, seed, row), *others]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time pass."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
