"""The closing lines of `make repro`."""

import subprocess
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools.result import result
from tests.report.page.test_page import write
from tests.support.studies import scattered, whole_study


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed dvc.lock and a report."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/study.md").write_text(write(whole_study(scattered, champion=[99.5, 99.6, 99.7])))
    (tmp_path / "dvc.lock").write_text("before")
    author = ["-c", "user.name=test", "-c", "user.email=test"]
    for command in (["init", "--quiet"], ["add", "dvc.lock"], [*author, "commit", "--quiet", "--message", "state"]):
        subprocess.run(["git", *command], check=True)
    return tmp_path


def test_it_tells_each_mean_with_its_interval_and_where_to_read_more(project: Path):
    text = result()
    assert text.startswith("60 rows of the study, 180 networks trained: mean test accuracy 99.")
    assert "\nchampion, not in the study, " in text
    assert "(95 % interval 99.352 to 99.848 for other seeds)" in text
    assert "Everything:   reports/study.md" in text
    assert "**" not in text


def test_new_results_are_to_be_pushed(project: Path):
    assert "dvc push" not in result()
    (project / "dvc.lock").write_text("after")
    assert "dvc push" in result()


def test_a_study_of_ones_own_has_a_result_too(project: Path):
    (project / "reports/study.md").write_text(write(whole_study(scattered, only=[], mine=[99.0])))
    assert result().startswith("1 variant on 10,000 test images of 10 classes; the best is mine with 99.00 %.")


def test_without_a_report_it_says_how_to_get_it(project: Path):
    (project / "reports/study.md").unlink()
    with pytest.raises(UserError, match=r"study\.md: missing; `make repro` writes it"):
        result()
