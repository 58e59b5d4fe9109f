"""What tests/conftest.py adds to pytest's summary."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

FAULTS = """
import pytest
pytestmark = pytest.mark.faults
def test_survived(): pass
def test_three_more(record_property): record_property("faults", 3)
def test_lost(): assert False
"""


def test_a_file_that_cannot_be_imported_leaves_the_summary_whole(tmp_path: Path):
    (tmp_path / "test_faults.py").write_text(FAULTS)
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    options = ["-p", "tests.conftest", "--continue-on-collection-errors", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    done = subprocess.run([*command, *options], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "5 faults tried, 4 survived\n" in done.stdout
    assert "1 failed, 2 passed, 1 error in " in done.stdout.splitlines()[-1]
    assert done.returncode == 1, done.stderr
