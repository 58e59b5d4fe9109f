"""What tests of several folders share."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "mnist_study.cli")  # `mnist-study`, whatever is installed
