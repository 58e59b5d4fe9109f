"""The notebook runs as it stands: on the landed champion, and with its experiment on the tiny pipeline."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.checkout import Checkout

NOTEBOOK = "notebooks/look_inside.ipynb"
CELLS: list[dict[str, Any]] = json.loads((ROOT / NOTEBOOK).read_text())["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]
STRICT = "import sys, warnings\nwarnings.simplefilter('error')\n"


def source(cells: list[dict[str, Any]]) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def is_experiment(cell: dict[str, Any]) -> bool:
    return "experiment" in cell["metadata"].get("tags", [])


def test_git_keeps_no_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert [is_experiment(cell) for cell in CODE].count(True) == 1


def test_it_looks_into_the_landed_champion():
    """All but its experiment, which takes a training; the test below runs that."""
    if not list((ROOT / "models/champion").glob("*.safetensors")) or not (ROOT / "data/mnist").is_dir():
        pytest.skip("there is no champion here; `make repro` restores it")
    script = STRICT + source([cell for cell in CODE if not is_experiment(cell)])
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", script]
    folder = ROOT / "notebooks"  # where Jupyter would run it
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "champion (the default), " in done.stdout
    assert re.search(r"^predicted: .+ label: .+$", done.stdout, re.M)


@pytest.mark.slow
def test_its_experiment_leaves_the_workspace_as_it_was(checkout: Checkout):
    (checkout.folder / "script.py").write_text(STRICT + source(CODE))
    checkout.run("git", "add", "script.py")
    checkout.commit()
    done = checkout.run("env", "MPLBACKEND=agg", sys.executable, "script.py")
    assert "Running stage 'train@mine'" in done.stdout
    name, variant, *numbers = done.stdout.splitlines()[-1].split()
    assert (name, variant, numbers[1:]) == ("from-notebook", "mine", ["6,290", "1"])
    assert checkout.git_status() == ""
    assert not (checkout.folder / "models/mine").exists()
