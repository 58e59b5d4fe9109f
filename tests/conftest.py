"""Fixtures and options of all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

from mnist_study.core.recipe import Recipe
from tests.support.tiny import TINY, write_tiny_mnist

# The same examples every time; `pytest --hypothesis-profile=explore` draws others.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def tiny_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    write_tiny_mnist(folder)
    return folder


@pytest.fixture
def recipe() -> Recipe:
    return TINY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test marked `faults` is one fault, unless it records how many it is."""
    for item in items:
        if item.get_closest_marker("faults"):
            item.user_properties.append(("faults", 1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many faults were tried and survived."""

    def count(*outcomes: str) -> int:
        reports = [report for outcome in outcomes for report in terminalreporter.getreports(outcome)]
        # a file that cannot be imported has a report without properties
        return sum(int(dict(getattr(report, "user_properties", ())).get("faults", 0)) for report in reports)

    survived, lost = count("passed"), count("failed", "error")
    if survived or lost:
        terminalreporter.write_line(f"{survived + lost} faults tried, {survived} survived")
