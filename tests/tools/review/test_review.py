"""The review: what it lists, which test a metric gets, how it reads."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mnist_study.tools.review import comment, predictions
from mnist_study.tools.review.comment import Review
from mnist_study.tools.review.comparison import Change, changes, parameters
from mnist_study.tools.review.judge import MEAN, Judge, settle
from mnist_study.tools.review.revision import Revision

IMAGES = 1000
LABELS = (np.arange(IMAGES) % 10).astype(np.uint8)
NOTHING = Review("`main` (1a2b3c4)", {}, [], {}, [], {}, {}, [], [], [], [])


@dataclass
class Made:
    """A revision made up in memory: by variant, which images each seed misses, and the metrics."""

    missed: dict[str, list[slice]] = field(default_factory=dict)
    variants: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    seed_metrics: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    seed_numbers: dict[str, list[int]] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        return {"study": {"variants": self.rows}}

    def result(self, path: str) -> bytes | None:
        name = Path(path).stem
        if name not in self.missed:
            return None
        predicted = np.stack([LABELS] * len(self.missed[name]))
        for row, missed in zip(predicted, self.missed[name], strict=True):
            row[missed] = (row[missed] + 1) % 10
        buffer = io.BytesIO()
        np.savez(buffer, predicted=predicted, seeds=self.seed_numbers.get(name, range(len(predicted))))
        return buffer.getvalue()

    def seeds(self, variant: str) -> list[dict[str, float]] | None:
        return self.seed_metrics.get(variant)


def judge(before: Made, after: Made, labels: np.ndarray | None = LABELS) -> Judge:
    return Judge(cast(Revision, before), cast(Revision, after), labels, ["a", "b"])


CHANGE = Change("test_accuracy", 99.0, 97.0, "a")
TEN, THIRTY = slice(0, 10), slice(0, 30)


def test_changes_are_told_by_key_and_what_is_the_same_is_not():
    before = {"train": {"lr": 0.05, "seeds": [0]}, "augmentations": {"plain": {}, "old": {"rotation": 7}}}
    after = {"train": {"lr": 0.1, "seeds": [0]}, "augmentations": {"plain": {}, "new": {}}}
    assert changes(before, after) == [
        Change("train.lr", 0.05, 0.1),
        Change("augmentations.new", None, {}),
        Change("augmentations.old.rotation", 7, None),
    ]
    assert changes(after, after) == []


def test_parameters_of_variants_that_are_new_or_gone_are_told_with_the_variant_instead():
    before = {"variants": {"old": {"lr": 1}, "a": {"batch_size": 64}}}
    after = {"variants": {"new": {"lr": 2}, "a": {"batch_size": 64, "lr": 0.1}}}
    assert parameters(before, after) == [Change("variants.a.lr", None, 0.1)]


@pytest.mark.parametrize(("seeds", "test"), [(1, "McNemar"), (3, "paired")])
def test_accuracies_are_compared_image_by_image(seeds: int, test: str):
    found = judge(Made({"a": [TEN] * seeds}), Made({"a": [THIRTY] * seeds})).accuracy(CHANGE)
    assert found.test == test
    assert found.p is not None
    assert found.p < 0.001
    assert settle([found])[0].verdict == "worse"


@pytest.mark.parametrize(
    ("spread", "test"), [({"test_accuracy_sd": 0.1, "seeds": 3}, "Student"), ({"seeds": 1}, "binomial")]
)
@pytest.mark.parametrize("missing", ["before", "after", "labels"])
def test_without_predictions_the_seeds_spread_decides_or_two_proportions(
    spread: dict[str, float], test: str, missing: str
):
    sides = [Made({"a": [TEN] * 3}, {"a": {"test_accuracy": accuracy} | spread}) for accuracy in (99.0, 97.0)]
    if missing != "labels":
        sides[missing == "after"].missed = {}
    judged = judge(*sides, labels=None if missing == "labels" else LABELS)
    found = judged.accuracy(CHANGE)
    assert found.test == test
    assert settle([found])[0].verdict == "worse"
    assert judged.unpaired == ({} if missing == "labels" else {"a": missing})


def test_predictions_for_other_images_are_not_compared():
    assert judge(Made({"a": [TEN]}), Made({"a": [TEN]}), LABELS[:-1])._right("a") is None


def test_other_metrics_are_compared_by_their_seeds():
    before = Made(seed_metrics={"a": [{"test_loss": loss} for loss in (0.020, 0.021, 0.022)]})
    after = Made(seed_metrics={"a": [{"test_loss": loss} for loss in (0.010, 0.011, 0.012)]})
    change = Change("test_loss", 0.021, 0.011, "a")
    found = judge(before, after).other(change)
    assert (found.test, settle([found])[0].verdict) == ("Student", "better")
    assert judge(before, after).other(replace(change, key="parameters")).test == ""


def test_one_seed_has_the_noise_of_the_other_variants():
    change = Change("test_loss", 0.021, 0.02, "a")
    before, after = (Made(seed_metrics={"a": [{"test_loss": loss}]}) for loss in (0.021, 0.02))
    assert judge(before, after).other(change) == change  # no variant has several seeds
    after.variants = {"a": {"seeds": 1}, "b": {"seeds": 3}}
    after.seed_metrics["b"] = [{"test_loss": loss} for loss in (0.019, 0.021, 0.023)]
    found = judge(before, after).other(change)
    assert (found.test, settle([found])[0].verdict) == ("others' seeds", "inconclusive")


def test_the_mean_over_the_same_rows_gets_a_verdict_and_over_other_rows_none():
    entries = {"a": {"test_accuracy": 99.0}, "b": {"test_accuracy": 99.0}}
    before = Made({"a": [TEN]}, entries, rows=2)
    after = Made({"a": [THIRTY]}, entries | {"a": {"test_accuracy": 97.0}}, rows=2)
    change = Change(MEAN, 99.0, 98.0)
    (found,) = settle([judge(before, after).headline(change)])
    assert (found.test, found.verdict) == ("paired", "worse")
    after.rows = 1
    assert judge(before, after).headline(change) == change


def test_the_mean_over_rows_that_share_a_seed_gets_no_verdict():
    before, after = (
        Made({"a": [TEN], "b": [TEN]}, {name: {"test_accuracy": mean} for name in "ab"}) for mean in (99.0, 98.0)
    )
    for side in (before, after):
        side.rows, side.seed_numbers = 2, {"a": [0], "b": [0]}
    change = Change(MEAN, 99.0, 98.0)
    assert judge(before, after).headline(change) == change
    for side in (before, after):
        side.seed_numbers["b"] = [1]
    assert judge(before, after).headline(change).test == "paired"


def test_a_champions_accuracy_in_the_headline_is_judged_as_its_variant():
    change = Change("champion.test_accuracy", 99.0, 97.0)
    found = judge(Made({"champion": [TEN]}), Made({"champion": [THIRTY]})).headline(change)
    assert found.test == "McNemar"
    assert settle([found])[0].verdict == "worse"


def test_p_values_of_a_table_are_adjusted_together():
    found = settle([replace(CHANGE, p=0.03, test="paired"), CHANGE, replace(CHANGE, p=0.04, test="paired")])
    assert [change.verdict for change in found] == ["inconclusive", None, "inconclusive"]


def test_labels_are_read_and_may_be_missing(tiny_mnist: Path, tmp_path: Path):
    labels = predictions.read_labels(tiny_mnist / "t10k-labels-idx1-ubyte")
    assert labels is not None
    assert labels.tolist() == [n % 10 for n in range(200)]
    assert predictions.read_labels(tmp_path / "none") is None


def test_where_nothing_changed_it_says_that():
    assert comment.write(NOTHING) == (
        "## Review against `main` (1a2b3c4)\n\nNo stage is stale, and no parameter, variant or metric changed.\n"
    )


def test_stale_stages_of_one_kind_and_cause_are_one_row():
    names = [f"v{number}" for number in range(60)]
    stale = {f"train@{name}": ["`src/mnist_study/training.py` changed"] for name in names}
    text = comment.write(replace(NOTHING, stale=stale, following=[f"evaluate@{name}" for name in names] + ["report"]))
    assert "### 60 stale stages" in text
    assert "| `train` | `v0`, `v1`, `v2`, `v3` and 56 more | `src/mnist_study/training.py` changed |" in text
    assert "may have to run again: `evaluate` of `v0`, `v1`, `v2`, `v3` and 56 more, `report`." in text
    assert "No stage is stale" not in text


def test_of_many_reasons_the_first_are_told():
    text = comment.write(replace(NOTHING, stale={"report": [f"`{letter}` changed" for letter in "abcdefg"]}))
    assert "### 1 stale stage\n" in text
    assert "| `report` |  | `a` changed, `b` changed, `c` changed, `d` changed and 3 more |" in text


def test_a_text_cannot_break_out_of_its_cell():
    text = comment.write(replace(NOTHING, parameters=[Change("variants.a", "x | y", "<script>\n| b")]))
    assert "| `variants.a` | x \\| y | &lt;script> \\| b |" in text


def test_every_change_has_its_section_with_the_tests_in_a_line():
    judged = settle([replace(CHANGE, test="McNemar", p=0.0001)])
    review = replace(
        NOTHING,
        parameters=[Change("train.lr", 0.05, 0.1)],
        added={"new": {"recipe": {"lr": 0.1}}},
        removed={"old": {"test_accuracy": 99.4, "parameters": 6290, "seeds": 1, "recipe": {"lr": 0.2}}},
        accuracies=judged,
        others=[Change("epochs", 19, 18, "a")],
        headline=[Change("study.best_variant", "a", "b")],
        notes=["A note."],
    )
    lines = comment.write(review).splitlines()
    assert "| `a` | 99.000 | 97.000 | -2.000 | McNemar | below 0.001 | **worse** |" in lines
    assert any(line.startswith("Better and worse: p below 0.05. McNemar: McNemar's exact test") for line in lines)
    for line in [
        "A note.",
        "| `train.lr` | 0.05 | 0.1 |",
        "| `new` | added |  |  |  | lr 0.1 |",
        "| `old` | removed | 99.400 | 6,290 | 1 | lr 0.2 |",
        "<details><summary>Other metrics: 1 changed</summary>",
        "| `a` | epochs | 19 | 18 |  |  |  |",
        "| `study.best_variant` | a | b |  |",
    ]:
        assert line in lines, line
