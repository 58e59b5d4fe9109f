"""One table at the end of `make bench`, and the same figures in build/bench.json."""

import pytest
from rich.console import Console

from tests.benchmarks.figures import WIDTH, Figures

FIGURES = pytest.StashKey[Figures]()


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """What this run has measured so far."""
    return pytestconfig.stash.setdefault(FIGURES, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print and write what was measured; nothing where benchmarks were skipped."""
    measured = config.stash.get(FIGURES, Figures())
    if measured == Figures():
        return
    measured.write()
    terminalreporter.section("benchmarks")
    measured.show(Console(file=terminalreporter._tw._file, width=WIDTH, highlight=False))
