"""What each network was trained on: `metrics/trained_on.json`, from what `train` writes beside its results.

It is no out of DVC: equal weights of two machines would have two hashes. Git keeps it, and an entry is valid for the
results whose MD5 it bears, the one in dvc.lock. A network whose training was not recorded has no entry; such are all
that landed before this file was.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mnist_study.core import files
from mnist_study.core.errors import UserError


def update(kept: Path, names: Iterable[str], *, recorded: Path, training: Path) -> None:
    """Bring the file `kept` up to date; it is not touched where nothing changes.

    Each variant has the entry that is there already or, failing that, the one in the folder `recorded`; either only if
    it is of the variant's results in the folder `training`. Raises UserError naming a file that is no JSON object.
    """
    known = read(kept)
    entries = {name: entry for name in names if (entry := valid(known, name, recorded=recorded, training=training))}
    if entries != known:
        files.write(kept, (json.dumps(entries, indent=2, sort_keys=True) + "\n").encode())


def valid(known: dict[str, Any], name: str, *, recorded: Path, training: Path) -> dict[str, Any] | None:
    """Give the variant's entry in `known` or, failing that, in the folder `recorded`; None where neither is valid."""
    results = hashlib.md5((training / f"{name}.json").read_bytes(), usedforsecurity=False).hexdigest()
    found = [known.get(name), read(recorded / f"{name}.json")]
    return next((entry for entry in found if isinstance(entry, dict) and entry.get("results_md5") == results), None)


def read(path: Path) -> dict[str, Any]:
    """Read an object; there may be no file. Raises UserError naming a file that holds anything else."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); mend or delete it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: no JSON object; mend or delete it")
    return content
