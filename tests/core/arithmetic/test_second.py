"""An implementation that was written from the document alone gives the golden steps."""

import json
import subprocess
import sys

from tests.core.arithmetic.structures import all_structures
from tests.support import ROOT


def test_the_document_is_complete():
    script = ROOT / "tests/core/arithmetic/second_golden.py"
    done = subprocess.run([sys.executable, script], input=json.dumps(all_structures()), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
