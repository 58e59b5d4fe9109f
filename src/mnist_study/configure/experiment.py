"""Where DVC runs this stage, for hints on what it leaves or is about to do."""

import os
from pathlib import Path

WAY_BACK = (
    "params.yaml: what `dvc exp run` wrote stays in it; `git restore params.yaml` takes back all that is not committed"
)
RESTORE_FIRST = (
    "Nothing was restored here yet: DVC trains again what dvc.lock names, unless its cache has it. "
    "To restore instead, stop (Ctrl-C) and run `make repro` once."
)


def in_workspace() -> bool:
    """Tell whether `dvc exp run` runs this stage in the workspace, not in a copy (`--temp`, the queue)."""
    return "DVC_EXP_NAME" in os.environ and by_dvc()


def by_dvc() -> bool:
    """Tell whether DVC runs this stage, and in the workspace; a copy for an experiment has only what a stage needs."""
    root = os.environ.get("DVC_ROOT")  # that of the workspace, also in a copy
    return root is not None and Path(root).samefile(Path.cwd())


def nothing_restored(models: Path, lock: Path) -> bool:
    """Tell whether DVC runs and dvc.lock names trained networks of which none is here, as in a clone without a pull."""
    weights = any(models.glob("*"))  # DVC may have made the folder
    return not weights and by_dvc() and lock.is_file() and b"train@" in lock.read_bytes()
