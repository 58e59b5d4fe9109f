"""A sweep: every variant and seed once, or the better ones more often, on training images alone."""

import csv
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.tools.sweep import plan as plans
from mnist_study.tools.sweep import sweep, table
from mnist_study.train import replica
from stages import transforms
from tests.support.tiny import DIGITS
from tests.tools.sweep.conftest import PLAN


def run(plan: Path, images: Path) -> list[dict[str, str]]:
    sweep.sweep(plan, images)
    with plan.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_trains_what_its_table_lacks_and_prints_the_means(
    plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    # a thread instead of processes, whose start takes seconds
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(max_workers=1))
    rows = run(plan, training_images)
    assert [row["trial"] + row["seed"] for row in rows] == ["slow7", "quick7", "slow8", "quick8"]
    assert {row["parameters"] for row in rows} == {"6290"}
    assert all(0 <= float(row["validation_accuracy"]) <= 100 for row in rows)
    printed = capsys.readouterr().out
    mean = sum(float(row["validation_accuracy"]) for row in rows if row["trial"] == "quick") / 2
    assert f"{mean:.3f}" in printed

    plan.write_text(PLAN.replace("seeds: [7, 8]", "seeds: [7, 8, 9]"))
    again = run(plan, training_images)
    assert again[:4] == rows
    assert [row["seed"] for row in again[4:]] == ["9", "9"]


def test_with_halving_the_better_half_gets_more_seeds_each_with_held_out_images_of_its_own(
    plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    trials = "".join(f"  lr_{rate}: {{train.lr: 0.0{rate}}}\n" for rate in range(1, 6))
    text = PLAN.replace("seeds: [7, 8]", "seeds: [3, 1, 4, 5]") + trials + "halving: [1, 2, 4]\n"
    plan.write_text(text)
    parts: dict[int, set[int]] = {}

    def score(task: plans.Task) -> dict[str, str]:
        parts.setdefault(task.seed, set()).add(task.part)
        lr = task.recipe.lr
        return dict(zip(table.FIELDS, [*task.key, "9", "1", str(lr), "1", task.recipe_hash], strict=True))

    monkeypatch.setattr(sweep, "run_task", score)
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(max_workers=1))
    rows = run(plan, training_images)
    runs = {trial: [row["seed"] for row in rows if row["trial"] == trial] for trial in plans.trials(plan)}
    assert runs == {
        "slow": ["3"],
        "lr_1": ["3"],
        "lr_2": ["3"],
        "quick": ["3", "1", "4", "5"],
        "lr_3": ["3", "1"],
        "lr_4": ["3", "1"],
        "lr_5": ["3", "1", "4", "5"],
    }
    assert parts == {3: {0}, 1: {1}, 4: {2}, 5: {3}}
    assert "round 3 of 3: 4 seeds each for quick, lr_5" in capsys.readouterr().out
    assert run(plan, training_images) == rows  # nothing is trained twice


def test_rows_of_a_variant_that_the_plan_no_longer_has_do_not_count(
    plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    plan.write_text(PLAN + "halving: [1, 2]\n")
    scores = {"slow": "99.000", "quick": "98.000"}

    def score(task: plans.Task) -> dict[str, str]:
        return dict(zip(table.FIELDS, [*task.key, "9", "1", scores[task.trial], "1", task.recipe_hash], strict=True))

    for seed in ("7", "8"):
        old = ["slow", "old", seed, "9", "1", "90.000", "1", "abc"]
        table.append(plan.with_suffix(".csv"), dict(zip(table.FIELDS, old, strict=True)))
    monkeypatch.setattr(sweep, "run_task", score)
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(max_workers=1))
    run(plan, training_images)
    printed = capsys.readouterr().out
    assert "round 2 of 2: 2 seeds each for slow\n" in printed
    assert "old" not in printed


def first_row_or_death(task: plans.Task) -> dict[str, str]:
    """Stands for `run_task`: gives the first row; each process after that dies as if out of memory."""
    if (task.trial, task.seed) != ("slow", 7):
        os.kill(os.getpid(), signal.SIGKILL)
    return dict.fromkeys(table.FIELDS, "1")


def test_a_killed_process_ends_the_sweep_in_one_line_and_the_rows_so_far_are_kept(
    plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "run_task", first_row_or_death)
    monkeypatch.setenv("MNIST_STUDY_WORKERS", "1")
    with pytest.raises(UserError, match=r"plan\.csv: a training process was killed, .* rows so far are kept") as error:
        sweep.sweep(plan, training_images)
    assert "\n" not in str(error.value)
    assert table.rows(plan.with_suffix(".csv")) == [dict.fromkeys(table.FIELDS, "1")]


def test_too_little_memory_is_one_line_that_names_the_row(
    plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch
):
    def train_one(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    task = plans.pending(plan, training_images, {})[0]
    monkeypatch.setattr(sweep, "train_one", train_one)
    with pytest.raises(UserError, match=r"^slow, first, seed 7: not enough memory; fewer rows at once .* need less$"):
        sweep.run_task(task)


def test_equal_seeds_give_equal_rows(plan: Path, training_images: Path):
    first = plans.pending(plan, training_images, {})[0]
    assert sweep.run_task(first) == sweep.run_task(first)


def test_a_row_is_what_the_pipelines_training_gives(plan: Path, training_images: Path, tiny_mnist: Path):
    task = plans.pending(plan, training_images, {})[0]
    splits = replica.read_splits(task.recipe, tiny_mnist)
    trained = replica.train_one(task.recipe, task.seed, task.policy, *splits, lambda message: None)
    row = sweep.run_task(task)
    for score in ("train_accuracy", "validation_accuracy", "validation_loss"):
        assert float(row[score]) == pytest.approx(trained.history[-1][score], abs=0.0006)
    assert row["parameters"] == str(trained.parameters)


def test_a_sweep_normalises_as_the_pipeline_does(
    plan: Path, training_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    task = plans.pending(plan, training_images, {})[0]
    (tmp_path / "build/policies").mkdir(parents=True)
    (tmp_path / "build/policies/plain.json").write_text(json.dumps({"ranges": task.policy.ranges}))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mnist").symlink_to(training_images)
    monkeypatch.chdir(tmp_path)
    transforms.main("plain")
    written = json.loads((tmp_path / "data/transforms/plain.json").read_text())
    assert (task.policy.mean, task.policy.sd) == (written["mean"], written["sd"])


def seen_by_training(task: plans.Task, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Split], dict[str, str]]:
    """The splits that the training loop would be given, and the row of a history that is made up."""
    seen: dict[str, Split] = {}

    def remember(model, recipe, seed, policy, training, observed, report, checkpoint):
        seen.update(training=training, **observed)
        best = {"train_accuracy": 9.0, "validation_accuracy": 9.0, "validation_loss": 0.0}
        last = {"train_accuracy": 1.0, "validation_accuracy": 2.0, "validation_loss": 3.0}
        return model.to_empty(device="cpu"), [best, last]

    monkeypatch.setattr(replica, "train", remember)
    row = sweep.run_task(task)
    return seen, row


def test_held_out_images_are_not_trained_on(plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch):
    seen, row = seen_by_training(plans.pending(plan, training_images, {})[0], monkeypatch)
    sizes = {name: len(split) for name, split in seen.items()}
    assert sizes == {"training": DIGITS["train"] - 128, "validation": 128}
    assert (row["train_accuracy"], row["validation_accuracy"], row["validation_loss"]) == ("1.000", "2.000", "3.0000")


def test_the_images_go_to_the_device_of_the_network(plan: Path, training_images: Path, monkeypatch: pytest.MonkeyPatch):
    """PyTorch's device without memory stands for a GPU."""
    task = plans.pending(plan, training_images, {})[0]
    seen, _ = seen_by_training(replace(task, recipe=replace(task.recipe, device="meta")), monkeypatch)
    assert {tensor.device.type for split in seen.values() for tensor in (split.images, split.labels)} == {"meta"}
