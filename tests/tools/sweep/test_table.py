"""The table of a sweep: whose rows it has, and what is left to train."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools.sweep import plan as plans
from mnist_study.tools.sweep import table
from tests.support import ROOT
from tests.tools.sweep.conftest import PLAN

ROW = dict(zip(table.FIELDS, ["slow", "first", "7", "6290", "1.000", "2.000", "3.0000", "abc"], strict=True))


@pytest.mark.parametrize("name", ["0.5/0.9", "[a] " * 100, 7])
def test_a_trial_may_have_any_name(plan: Path, training_images: Path, name: object):
    plan.write_text(PLAN.replace("slow:", f"{json.dumps(name)}:"))
    task, file = plans.pending(plan, training_images, {})[0], plan.with_suffix(".csv")
    assert task.trial == str(name)
    table.append(file, dict(zip(table.FIELDS, [*task.key, "1", "1", "1", "1", task.recipe_hash], strict=True)))
    assert task.key not in {left.key for left in plans.pending(plan, training_images, table.done(file))}
    assert [str(cell) for cell in table.means(table.rows(file)).columns[0].cells] == [str(name)]


def test_the_mean_over_variants_comes_after_theirs(tmp_path: Path):
    file = tmp_path / "plan.csv"
    for variant, accuracy in (("b", "1.0"), ("a", "2.0"), ("a", "4.0")):
        table.append(file, dict(zip(table.FIELDS, ["slow", variant, "7", "9", "1", accuracy, "1", ""], strict=True)))
    cells = zip(*(table.means(table.rows(file)).columns[column].cells for column in (1, 2, 3, 4)), strict=True)
    assert list(cells) == [("a", "9", "2", "3.000"), ("b", "9", "1", "1.000"), ("all", "", "3", "2.333")]


@pytest.mark.parametrize(
    ("old", "new", "edited"),
    [
        ("train.lr: 0.01", "train.lr: 0.02", "slow"),
        ("schedulers.step.gamma: 0.5", "train.ema: 0.5", "quick"),
        ("plain: {}", "plain: {rotation: 7}", "slow, quick"),
        ("validation: 128", "validation: 64", "slow, quick"),
    ],
)
def test_rows_of_a_trial_that_was_edited_are_refused(
    plan: Path, training_images: Path, old: str, new: str, edited: str
):
    finished = {task.key: task.recipe_hash for task in plans.pending(plan, training_images, {})}
    assert plans.pending(plan, training_images, finished) == []
    plan.write_text(PLAN.replace(old, new))
    with pytest.raises(UserError, match=rf"plan\.csv: has rows of another recipe or other images for {edited}; delete"):
        plans.pending(plan, training_images, finished)


@pytest.mark.parametrize("cut", ["slow,fir", "slow,first,8,6290,1.000,2.000,3.0000,abc", "slow,first\n"])
def test_a_row_that_was_cut_short_is_trained_again(plan: Path, training_images: Path, cut: str):
    tasks, file = plans.pending(plan, training_images, {}), plan.with_suffix(".csv")
    told = [dict(zip(table.FIELDS, [*task.key, "1", "1", "1", "1", task.recipe_hash], strict=True)) for task in tasks]
    table.append(file, told[0])
    whole = file.read_text()
    file.write_text(whole + cut)
    assert plans.pending(plan, training_images, table.done(file)) == tasks[1:]
    table.append(file, told[1])
    assert table.rows(file) == told[:2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text.replace("1.000", "", 1).encode(),
            "slow, first, 7: train_accuracy '' given; allowed is a number",
        ),
        (lambda text: text.replace("slow", "schön").encode("latin-1"), "is not UTF-8 text"),
        (
            lambda text: text.replace(",", ";").encode(),
            "has no column trial; allowed is the header trial,variant,seed,",
        ),
    ],
    ids=["empty cell", "Latin-1", "semicolons"],
)
def test_a_table_that_another_program_changed_is_one_line(tmp_path: Path, change: Callable[[str], bytes], said: str):
    file = tmp_path / "plan.csv"
    table.append(file, ROW)
    file.write_bytes(change(file.read_text()))
    with pytest.raises(UserError) as caught:
        table.done(file)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path):
    file = tmp_path / "plan.csv"
    table.append(file, ROW)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert table.rows(file) == [ROW]
    table.append(file, ROW | {"seed": "8"})
    assert [row["seed"] for row in table.rows(file)] == ["7", "8"]


@pytest.mark.parametrize("file", sorted((ROOT / "docs/sweeps").glob("*.csv")), ids=lambda file: file.stem)
def test_a_table_without_hashes_is_read_and_not_continued(file: Path):
    assert table.means(table.rows(file)).row_count
    if "recipe_hash" in table.rows(file)[0]:
        assert len(table.done(file)) == len(table.rows(file))
        return
    with pytest.raises(UserError, match=rf"{file.name}: has no column recipe_hash, .* another name"):
        table.done(file)
