"""What a mistake's message adds where `dvc exp run` wrote the mistake."""

import os
from pathlib import Path

WAY_BACK = (
    "params.yaml: what `dvc exp run` wrote stays in it; `git restore params.yaml` takes back all that is not committed"
)


def in_workspace() -> bool:
    """Tell whether `dvc exp run` has this stage run, and not in a copy (`--temp`, the queue) that nobody will see."""
    root = os.environ.get("DVC_ROOT")  # in a copy it is the workspace all the same
    return "DVC_EXP_NAME" in os.environ and root is not None and Path(root).samefile(Path.cwd())
