"""The stages of dvc.yaml, one script each: run as `python -m stages.<name>` from the top of a checkout.

This checkout's src/ comes first on the path, so that the copy that `dvc exp run --temp` makes runs its own code.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
