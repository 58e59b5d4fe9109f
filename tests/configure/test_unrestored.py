"""The stage's word where a clone is about to train again what a pull restores."""

from pathlib import Path

import pytest

from stages import configure
from tests.support.checkout import PARAMS


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with params.yaml and a dvc.lock that names one trained network."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.lock").write_text("stages:\n  train@mine:\n    cmd: python -m stages.train mine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> str:
    configure.main(only_check=False)
    return capsys.readouterr().out


def test_told_where_no_weights_are(clone: Path, capsys: pytest.CaptureFixture[str]):
    assert "run `make repro` once" in told(capsys)
    (clone / "models").mkdir()  # as `dvc exp run` leaves it
    assert "run `make repro` once" in told(capsys)


def test_silent_where_weights_are_or_none_were_trained(clone: Path, capsys: pytest.CaptureFixture[str]):
    (clone / "models/mine").mkdir(parents=True)
    assert told(capsys) == ""
    (clone / "models/mine").rmdir()
    (clone / "dvc.lock").write_text("stages:\n  configure:\n    cmd: python -m stages.configure\n")
    assert told(capsys) == ""
    (clone / "dvc.lock").unlink()
    assert told(capsys) == ""


def test_silent_in_the_copy_of_an_experiment_and_without_dvc(
    clone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """DVC puts into a copy only what a stage needs, and `make review` runs the stage by itself."""
    monkeypatch.setenv("DVC_ROOT", str(clone.parent))
    assert told(capsys) == ""
    monkeypatch.delenv("DVC_ROOT")
    assert told(capsys) == ""
