"""A hint for mistakes that `dvc exp run` wrote into params.yaml."""

import os
from pathlib import Path

WAY_BACK = (
    "params.yaml: what `dvc exp run` wrote stays in it; `git restore params.yaml` takes back all that is not committed"
)


def in_workspace() -> bool:
    """Tell whether `dvc exp run` runs this stage in the workspace, not in a copy (`--temp`, the queue)."""
    root = os.environ.get("DVC_ROOT")  # that of the workspace, also in a copy
    return "DVC_EXP_NAME" in os.environ and root is not None and Path(root).samefile(Path.cwd())
