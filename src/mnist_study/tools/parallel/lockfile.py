"""The order of dvc.lock: DVC appends the entry of a new stage when that is done, and `dvc repro` has an order."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mnist_study.core import files

HEAD = "schema: '2.0'\nstages:\n"
ENTRY = re.compile(r"  (\S.*):\n(?:   .*\n)+")
LAST = ("train", "evaluate", "report")  # all other stages come before these, and one after another


def put_in_order(path: Path, variants: Sequence[str]) -> None:
    """Order the entries that the last commit's file lacks. No DVC may be running."""
    command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
    committed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git alone
    text = path.read_text() if path.exists() else ""
    if (better := ordered(text, committed.stdout, variants)) != text:
        files.write(path, better.encode())


def merge(path: Path, other: str) -> None:
    """Take over the entries of another lock file's text. No DVC may be running."""
    entries = {found[1]: found[0] for found in ENTRY.finditer(path.read_text() if path.exists() else "")}
    entries |= {found[1]: found[0] for found in ENTRY.finditer(other)}
    files.write(path, (HEAD + "".join(entries.values())).encode())


def ordered(text: str, committed: str, variants: Sequence[str]) -> str:
    """Give the text of dvc.lock with new entries as `dvc repro` appends them; as it is, if it holds anything else."""
    entries, old = ({found[1]: found[0] for found in ENTRY.finditer(each)} for each in (text, committed))

    def place(name: str) -> tuple[int, int]:
        kind, _, variant = name.partition("@")
        if name in old or kind not in LAST:
            return -1, 0
        return LAST.index(kind), variants.index(variant) if variant in variants else -1

    if text != HEAD + "".join(entries.values()):
        return text
    return HEAD + "".join(entries[name] for name in sorted(entries, key=place))
