"""dvc.lock as text: its entries, one a stage, and their order. Python alone: the doctor reads it, too."""

import re
from collections.abc import Sequence
from pathlib import Path

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.tools import git

HEAD = "schema: '2.0'\nstages:\n"
ENTRY = re.compile(r"^  (\S.*):\n(?:   .*\n)+", re.M)
OUT = re.compile(r"^    - path: (.*)\n      hash: md5\n      md5: ([0-9a-f]{32}(?:\.dir)?)$", re.M)
LAST = ("train", "evaluate", "robustness", "report")  # all other stages come before these, and one after another


def entries(text: str) -> dict[str, str]:
    """Give the text of each stage's entry by the stage's name; of a damaged file, what can be read."""
    return {found[1]: found[0] for found in ENTRY.finditer(text)}


def checked(text: str, name: str) -> dict[str, str]:
    """Give the entries; raises UserError where the text holds anything else, which would be lost on writing."""
    if text != HEAD + "".join((found := entries(text)).values()):
        raise UserError(f"{name}: damaged, or holds more than stages; `make doctor` says what heals it; then run again")
    return found


def outs(text: str) -> dict[str, list[tuple[str, str]]]:
    """Give each stage's outs, with their MD5."""
    return {name: OUT.findall(entry.partition("\n    outs:\n")[2]) for name, entry in entries(text).items()}


def committed(path: Path) -> str:
    """Give the last commit's text of the file, or an empty one where it has none."""
    return git.answer("show", f"HEAD:./{path.name}", folder=path.parent)


def put_in_order(path: Path, variants: Sequence[str]) -> None:
    """Order the entries that the last commit's file lacks. No DVC may be running."""
    text = path.read_text() if path.exists() else ""
    if (better := ordered(text, committed(path), variants)) != text:
        files.write(path, better.encode())


def read(path: Path) -> dict[str, str]:
    """Give the entries of the file; raises UserError where it holds anything else."""
    return checked(path.read_text() if path.exists() else HEAD, str(path))


def merge(path: Path, other: str) -> None:
    """Add the entries of another file's text. No DVC may be running. Raises UserError where either is damaged."""
    found = read(path) | checked(other, f"a worker's {path.name}")
    files.write(path, (HEAD + "".join(found.values())).encode())


def ordered(text: str, committed: str, variants: Sequence[str]) -> str:
    """Restore the order that `dvc repro` writes; the text as it is, if it holds anything but entries."""
    found, old = entries(text), entries(committed)

    def place(name: str) -> tuple[int, int]:
        kind, _, variant = name.partition("@")
        if name in old or kind not in LAST:
            return -1, 0
        if kind == "robustness":  # one after another, by DVC: in order already
            return LAST.index(kind), 0
        return LAST.index(kind), variants.index(variant) if variant in variants else -1

    if text != HEAD + "".join(found.values()):
        return text
    return HEAD + "".join(found[name] for name in sorted(found, key=place))
