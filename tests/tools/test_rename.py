"""A renamed variant takes along what its results were trained on, and nothing that was of others."""

import hashlib
import json
from pathlib import Path

import pytest

from mnist_study.tools import rename


@pytest.mark.parametrize(
    ("kept", "recorded", "taken"), [("new", "", "report"), ("old", "new", "training"), ("old", "old", None)]
)
def test_a_record_counts_only_for_the_results_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, recorded: str, taken: str | None
):
    """`report` has taken over the record of a training, or has not run since."""
    monkeypatch.chdir(tmp_path)
    files = {rename.TRAINING / "ant.json": "new", rename.KEPT: json.dumps({"ant": record("report", kept)})}
    if recorded:
        files[rename.RECORDED / "ant.json"] = json.dumps(record("training", recorded))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = rename._record("ant")
    assert (found and found["machine"]) == taken


def record(machine: str, results: str) -> dict[str, str]:
    return {"machine": machine, "results_md5": hashlib.md5(results.encode(), usedforsecurity=False).hexdigest()}
