"""The closing lines of `make repro`."""

import subprocess
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.results import metrics
from mnist_study.tools.result import result

VARIANTS = {"row": {"test_accuracy": 99.3, "seeds": 3}, "champion": {"test_accuracy": 99.64, "seeds": 10}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed dvc.lock."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "dvc.lock").write_text("before")
    author = ["-c", "user.name=test", "-c", "user.email=test"]
    for command in (["init", "--quiet"], ["add", "dvc.lock"], [*author, "commit", "--quiet", "--message", "state"]):
        subprocess.run(["git", *command], check=True)
    return tmp_path


def write(*names: str) -> None:
    variants = {name: VARIANTS[name] | {"parameters": 19_524} for name in names}
    summary = metrics.summary(variants, {"row": 99.2}, 99.4)
    Path("metrics/summary.json").write_text(metrics.to_json(summary))


def test_it_tells_the_result_and_where_to_read_it(project: Path):
    write("row", "champion")
    lines = result().splitlines()
    assert lines[:2] == [
        "1 of the study's rows, 3 networks: mean test accuracy 99.30 % here, 99.20 % published",
        "champion: 19,524 parameters, 99.64 %, mean of 10 seeds",
    ]
    assert "reports/study.md" in lines[2]


@pytest.mark.parametrize(("names", "count"), [([], 0), (["champion"], 1), (["row"], 1)])
def test_a_study_of_ones_own_has_a_result_too(project: Path, names: list[str], count: int):
    write(*names)
    assert result().splitlines()[count].endswith("reports/study.md")


def test_new_results_are_to_be_pushed(project: Path):
    write("row")
    assert "dvc push" not in result()
    (project / "dvc.lock").write_text("after")
    assert "dvc push" in result()


def test_without_metrics_it_says_how_to_get_them(project: Path):
    with pytest.raises(UserError, match=r"summary\.json: missing; `make repro` writes it"):
        result()
