"""From nothing to the first step, and the memory that a replica takes. `make bench`."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks import cases
from tests.benchmarks.cases import Case
from tests.benchmarks.digits import ROOT
from tests.benchmarks.figures import Figures


@pytest.mark.parametrize("engine", cases.ENGINES)
def test_start_and_memory(engine: str, benchmark: BenchmarkFixture, figures: Figures, tmp_path: Path):
    """As many at once as the engine's row of the table has; the slowest and the largest count."""
    case = Case(engine, "transition_fc", 64)
    figures.skip_missing(engine)
    (tmp_path / "recipe.json").write_text(cases.recipe(case).to_json())
    (tmp_path / "policy.json").write_text(json.dumps(asdict(cases.policy())))
    told = benchmark.pedantic(start, [case, tmp_path], rounds=1, iterations=1)
    largest = {name: max(one[name] for one in told) for name in told[0]}
    figures.starts[engine] = largest
    benchmark.extra_info |= largest


def start(case: Case, folder: Path) -> list[dict[str, float]]:
    """Start the replicas at once; give what each prints."""
    command = [sys.executable, "-m", "tests.benchmarks.start", case.engine, str(time.monotonic()), str(folder)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(case.replicas)]
    outputs = [process.communicate()[0] for process in processes]
    assert not any(process.returncode for process in processes)
    return [json.loads(output) for output in outputs]
