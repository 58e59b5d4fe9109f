"""`mnist-study experiments`: what DVC tells in JSON becomes a narrow table."""

from typing import Any

import pytest
from rich.console import Console

from mnist_study.tools import dvc, experiments
from mnist_study.tools.experiments import rows, show, table
from tests.support.studies import PUBLISHED


def metrics(accuracy: float, **more: float) -> dict[str, float]:
    return {"test_accuracy": accuracy, "parameters": 6290, "seeds": 3, "test_loss": 0.02} | more


def revision(variants: dict[str, Any] | None, rev: str = "0123456789") -> dict[str, Any]:
    data = {"metrics": {"metrics/variants.json": {"data": variants}}} if variants else None
    return {"rev": rev, "data": data}


def commits(before: dict[str, Any], **experiments: dict[str, Any] | str) -> list[dict[str, Any]]:
    """What DVC prints of the workspace and HEAD; an experiment has variants, or a state."""
    told = [
        {"name": name, "revs": [revision(None)], "executor": {"state": found}}
        if isinstance(found, str)
        else {"name": name, "revs": [revision(found)], "executor": None}
        for name, found in experiments.items()
    ]
    return [revision(before, "workspace") | {"experiments": None}, revision(before) | {"experiments": told}]


def test_only_what_changed_has_a_row():
    before = {name: metrics(99.0) for name in PUBLISHED}
    name = next(iter(PUBLISHED))
    found = list(
        rows(
            commits(
                before,
                hotter=before | {name: metrics(99.25)},
                mine=before | {"mine": metrics(98.5)},
                same=before,
                smaller={each: metrics(99.0) for each in PUBLISHED if each != name},
                waiting="queued",
            )
        )
    )
    assert [row[:2] for row in found] == [
        ("hotter", name),
        ("mine", "mine"),
        ("same", "(no result changed)"),
        ("smaller", f"{name} (removed)"),
        ("waiting", "(queued)"),
    ]
    assert found[0][2]["change"] == pytest.approx(0.25)
    assert "change" not in found[1][2]


def test_an_experiment_of_all_variants_fits_into_100_columns(capsys: pytest.CaptureFixture[str]):
    before = {name: metrics(99.0) for name in [*PUBLISHED, "champion", "champion_10k"]}
    after = {name: metrics(98.0, validation_accuracy=98.765) for name in before}
    console = Console(width=experiments.WIDTH)
    console.print(table(rows(commits(before, **{"gruff-obol": after}))))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(before)
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["experiment", "variant", "test", "change", "validation", "parameters", "seeds"]
    assert lines[2].split() == ["gruff-obol", next(iter(before)), "98.000", "-1.000", "98.765", "6,290", "3"]
    assert "gruff-obol" not in lines[3]
    assert {name for name in before if any(f" {name} " in line for line in lines)} == {*before}  # none is broken


def test_without_experiments_it_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(dvc, "experiments", lambda: commits({"mine": metrics(98.0)}))
    show()
    assert capsys.readouterr().out == "HEAD has no experiments; `dvc exp run` makes one (docs/experiments.md).\n"
