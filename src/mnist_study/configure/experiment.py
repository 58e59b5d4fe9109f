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
    return "DVC_EXP_NAME" in os.environ and not in_copy()


def in_copy() -> bool:
    """Tell whether this folder is a copy that DVC made for an experiment; into it goes only what a stage needs."""
    root = os.environ.get("DVC_ROOT")  # that of the workspace, also in a copy
    return root is not None and not Path(root).samefile(Path.cwd())


def nothing_restored(models: Path, lock: Path) -> bool:
    """Tell whether dvc.lock names trained networks of which none is here, as in a clone that nobody pulled into."""
    weights = any(models.glob("*"))  # DVC may have made the folder
    return not weights and not in_copy() and lock.is_file() and "train@" in lock.read_text()
