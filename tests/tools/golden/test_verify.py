import json
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools.golden import verify


def test_a_new_vector_is_added_and_none_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    vectors = {"sum": {"given": {"x": [1, 2]}, "gives": {"y": [3]}}}
    hashes = {"step": "abc"}
    for name in ("OPERATIONS", "TRAININGS"):
        monkeypatch.setattr(verify, name, tmp_path / f"{name}.json")
    monkeypatch.setattr(verify, "FOLDER", tmp_path)
    monkeypatch.setattr(verify, "plain_vectors", lambda: vectors)
    monkeypatch.setattr(verify, "computed", lambda: hashes.items())
    verify.write()
    hashes["training"] = "def"
    verify.write()
    written = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("OPERATIONS", "TRAININGS")]
    assert written == [vectors, hashes]
    hashes["step"] = "ghi"
    with pytest.raises(UserError, match="step would change; arithmetic 1 is frozen"):
        verify.write()
    assert json.loads((tmp_path / "TRAININGS.json").read_text())["step"] == "abc"
