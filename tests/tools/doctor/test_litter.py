"""Temporary files of a writer that was killed are found wherever one writes."""

from pathlib import Path

import pytest

from mnist_study.core import files
from mnist_study.tools.doctor.leftovers import check_litter


@pytest.mark.parametrize(
    "name",
    [
        "build/progress/a.json",
        "data/transforms/plain.json",
        "dvc.lock",
        "metrics/trained_on.json",
        "models/a/seed-0.safetensors",
        "params.yaml",
        "reports/plots/learning_curves.csv",
        "results/training/a.json",
    ],
)
def test_what_a_kill_leaves_beside_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    files.write(tmp_path / name, b"whole")
    assert list(check_litter(tmp_path)) == []
    monkeypatch.setattr(Path, "replace", lambda *_: None)  # as if killed before it
    files.write(tmp_path / name, b"new")
    (finding,) = check_litter(tmp_path)
    assert not finding.needs_a_hand
    assert finding.what.startswith(f"{Path(name).parent / f'.{Path(name).name}-'}")
