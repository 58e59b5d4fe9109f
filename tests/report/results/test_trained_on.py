"""What a network was trained on is kept as long as its results are those that it was recorded with."""

import hashlib
import json
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.results import trained_on


class Study:
    """Results, records and the file that git keeps, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder, folder / "metrics/trained_on.json"
        for name in ("training", "recorded", "metrics"):
            (folder / name).mkdir()

    def train(self, name: str, results: str, processor: str | None) -> None:
        """Leave what training leaves; a training elsewhere leaves no record."""
        (self.folder / f"training/{name}.json").write_text(results)
        if processor:
            md5 = hashlib.md5(results.encode(), usedforsecurity=False).hexdigest()
            record = {"results_md5": md5, "processor": processor}
            (self.folder / f"recorded/{name}.json").write_text(json.dumps(record))

    def update(self, *names: str) -> dict[str, str]:
        """Give each recorded variant's processor."""
        trained_on.update(self.kept, names, recorded=self.folder / "recorded", training=self.folder / "training")
        return {name: entry["processor"] for name, entry in self.read().items()}

    def read(self) -> dict[str, dict[str, str]]:
        return json.loads(self.kept.read_text()) if self.kept.exists() else {}

    def forget_records(self) -> None:
        """As in another clone, which has what git keeps."""
        for record in (self.folder / "recorded").iterdir():
            record.unlink()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_as_long_as_nothing_was_recorded_there_is_no_file(study: Study):
    study.train("a", "results", None)
    assert study.update("a") == {}
    assert not study.kept.exists()


def test_what_was_trained_here_joins_what_was_trained_elsewhere(study: Study):
    study.train("b", "of b", "AMD")
    study.update("b")
    study.forget_records()
    study.train("a", "of a", "Intel")
    assert study.update("b", "a") == {"a": "Intel", "b": "AMD"}
    assert list(study.read()) == ["a", "b"]


def test_an_entry_ends_with_its_variant_and_with_its_results(study: Study):
    for name in ("gone", "other", "same"):
        study.train(name, f"of {name}", "AMD")
    assert len(study.update("gone", "other", "same")) == 3
    study.train("other", "of a training elsewhere", None)
    assert study.update("other", "same") == {"same": "AMD"}


def test_another_training_with_other_results_takes_the_place_of_the_first(study: Study):
    study.train("a", "results", "AMD")
    study.update("a")
    study.train("a", "other results", "Intel")
    assert study.update("a") == {"a": "Intel"}


def test_the_file_is_not_touched_where_nothing_changes(study: Study):
    study.train("a", "results", "AMD")
    study.update("a")
    study.kept.write_text(json.dumps(study.read()))  # the same in another form
    before = study.kept.read_bytes()
    study.train("a", "results", "Intel")
    assert study.update("a") == {"a": "AMD"}  # these results come of either
    assert study.kept.read_bytes() == before


@pytest.mark.faults
@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n", "[]", "{"])
def test_a_file_that_is_no_json_object_is_named(study: Study, text: str):
    study.kept.write_text(text)
    with pytest.raises(UserError, match=r"metrics/trained_on\.json: no.* JSON.*; mend or delete it"):
        study.update()
    assert study.kept.read_text() == text
