"""A variant's new name in params.yaml: nothing else changes there. What its results were trained on goes along."""

import hashlib
import json
from pathlib import Path

import pytest

from mnist_study.configure.params import A_NAME
from mnist_study.core.errors import UserError
from mnist_study.report.results import trained_on
from mnist_study.tools import dvc, rename
from mnist_study.tools.lockfile import HEAD
from tests.support.checkout import PARAMS

OLD = "one_pool-b64-step-rotate"


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
    write(files)
    known = trained_on.read(rename.KEPT)
    found = trained_on.valid(known, "ant", recorded=rename.RECORDED, training=rename.TRAINING)
    assert (found and found["machine"]) == taken


def test_a_record_that_is_no_object_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    results = '{"variant": "ant"}'
    write({folder / "ant.json": results for folder in (rename.TRAINING, rename.EVALUATION)})
    write({rename.PREDICTIONS / "ant.npz": "", rename.MODELS / "ant/seed-0": "", rename.KEPT: "[]"})
    with pytest.raises(UserError, match=r"metrics/trained_on\.json: no JSON object; mend or delete it"):
        rename._copy_results("ant", "bee")


def write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def record(machine: str, results: str) -> dict[str, str]:
    return {"machine": machine, "results_md5": hashlib.md5(results.encode(), usedforsecurity=False).hexdigest()}


def test_where_dvc_fails_all_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also build/, which `configure` has written for the new name by then."""
    monkeypatch.chdir(tmp_path)
    write({Path("params.yaml"): PARAMS, Path("dvc.lock"): HEAD})
    monkeypatch.setattr(dvc, "status", lambda *_: {})
    monkeypatch.setattr(rename, "_recipe_was_run", lambda _: True)
    monkeypatch.setattr(rename, "_copy_results", lambda *_: None)
    called: list[str] = []

    def call(*words: str) -> int:
        called.append(words[0])
        Path("dvc.lock").write_text("of the new name")
        return int(words[0] == "commit")

    monkeypatch.setattr(dvc, "call", call)
    with pytest.raises(
        UserError, match=r"dvc commit --force train@new evaluate@new: failed; params\.yaml and dvc\.lock"
    ):
        rename.rename(OLD, "new")
    assert called == ["repro", "commit", "checkout"]
    assert Path("params.yaml").read_text() == PARAMS


@pytest.mark.parametrize("new", ["a: b", "x{", "mine]", "", "a\\1", "a\nb", "2nd"])
def test_what_is_no_name_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: str):
    monkeypatch.chdir(tmp_path)
    write({Path("params.yaml"): PARAMS})
    with pytest.raises(UserError) as told:
        rename.renamed(PARAMS, OLD, new)
    assert str(told.value) == f"params.yaml: variants: {new!r} given; {A_NAME}"


@pytest.mark.parametrize(
    "champions", ["[NAME]", "[two_pool-b64-step-rotate, 'NAME']", "\n- NAME", "\n  # the best\n  - NAME  # of all"]
)
def test_a_champion_is_renamed_however_the_list_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, champions: str
):
    monkeypatch.chdir(tmp_path)
    text = PARAMS.replace("champions: []", f"champions: {champions.replace('NAME', OLD)}")
    write({Path("params.yaml"): text})
    assert text.count(OLD) == 2
    assert rename.renamed(text, OLD, "new-name") == text.replace(OLD, "new-name")
