"""The stages of dvc.yaml, one script each: run as `python -m stages.<name>` from the top of a checkout.

This checkout's src/ comes first on the path, so that the copy that `dvc exp run --temp` makes runs its own code.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun that would need tidying. `console.plain_errors` takes over from here."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


if sys.argv[0] == "-m":  # while Python looks for the stage to run; not where a test or a training process imports it
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux" and "DVC_STAGE" in os.environ:  # `kill -9` of DVC leaves no training behind
        from ctypes import CDLL

        CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
