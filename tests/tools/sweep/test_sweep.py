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

from mnist_study.core import mnist
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.tools.sweep import plan as plans
from mnist_study.tools.sweep import sweep, table
from mnist_study.train import replica
from stages import transforms
from tests.support import ROOT
from tests.support.tiny import DIGITS, write_tiny_mnist

PLAN = """
target: {accuracy: 99.4, epochs: 20, parameters: 20000}
data: {sources: [npm], seconds: 60}
train: {epochs: 1, seeds: [7, 8], lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.0, label_smoothing: 0.0,
        ema: 0.0, anneal_epochs: 0, anneal_strength: 1.0, engine: torch, device: cpu, validation: 128}
schedulers:
  constant: {}
  step: {step_size: 6, gamma: 0.1}
  plateau: {factor: 0.1, patience: 2, threshold: 0.0001}
  one_cycle: {pct_start: 0.3, div_factor: 25, final_div_factor: 10000}
augmentations: {plain: {}}
variants:
  first: {architecture: two_pool, scheduler: constant, augmentation: plain, batch_size: 64}
trials:
  slow: {train.lr: 0.01}
  quick: {train.lr: 0.1, schedulers.step.gamma: 0.5}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return file


@pytest.fixture
def training_images(tmp_path: Path) -> Path:
    """A folder without test images: whatever looks for them fails."""
    folder = tmp_path / "mnist"
    write_tiny_mnist(folder)
    for file in folder.glob("t10k-*"):
        file.unlink()
    return folder


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


@pytest.mark.parametrize("halving", ["[2, 1]", "[0, 1]", "[1, 3]", "[]", "2", "[1.0]", "[1, 1]"])
def test_halving_is_rising_numbers_of_seeds(plan: Path, halving: str):
    plan.write_text(PLAN + f"halving: {halving}\n")
    with pytest.raises(
        UserError, match=r"plan\.yaml: halving: .* given; allowed are rising numbers, from 1 to 2 seeds$"
    ):
        plans.rounds(plan)


def test_with_halving_all_trials_have_the_same_seeds(plan: Path):
    plan.write_text(PLAN.replace("train.lr: 0.01", "train.seeds: [1]") + "halving: [1]\n")
    with pytest.raises(UserError, match=r"plan\.yaml: halving: trials or variants with seeds of their own given"):
        plans.rounds(plan)


def test_the_parts_share_no_image_and_the_first_is_the_pipelines(training_images: Path):
    split = mnist.training_split(training_images)
    split.labels[:] = torch.arange(len(split))  # so that a label tells which image it is
    held = [set(plans.hold_out(split, 100, part)[1].labels.tolist()) for part in range(len(split) // 100)]
    assert len(set.union(*held)) == 100 * len(held)
    assert held[0] == set(mnist.hold_out(split, 100)[1].labels.tolist())
    for part, of_part in enumerate(held):
        trained = set(plans.hold_out(split, 100, part)[0].labels.tolist())
        assert trained | of_part == set(range(len(split)))
        assert not trained & of_part


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


def test_a_trial_changes_what_it_names_and_nothing_else(plan: Path):
    slow, quick = (plans.trials(plan)[name].recipes[0] for name in ("slow", "quick"))
    assert (slow.lr, quick.lr) == (0.01, 0.1)
    assert replace(slow, lr=0.1) == quick


@pytest.mark.parametrize("name", ["0.5/0.9", "[a] " * 100, 7])
def test_a_trial_may_have_any_name(plan: Path, training_images: Path, name: object):
    plan.write_text(PLAN.replace("slow:", f"{json.dumps(name)}:"))
    task, file = plans.pending(plan, training_images, {})[0], plan.with_suffix(".csv")
    assert task.trial == str(name)
    table.append(file, dict(zip(table.FIELDS, [*task.key, "1", "1", "1", "1", task.recipe_hash], strict=True)))
    assert task.key not in {left.key for left in plans.pending(plan, training_images, table.done(file))}
    assert [str(cell) for cell in table.means(file).columns[0].cells] == [str(name)]


def test_the_mean_over_variants_comes_after_theirs(tmp_path: Path):
    file = tmp_path / "plan.csv"
    for variant, accuracy in (("b", "1.0"), ("a", "2.0"), ("a", "4.0")):
        table.append(file, dict(zip(table.FIELDS, ["slow", variant, "7", "9", "1", accuracy, "1", ""], strict=True)))
    cells = zip(*(table.means(file).columns[column].cells for column in (1, 2, 3, 4)), strict=True)
    assert list(cells) == [("a", "9", "2", "3.000"), ("b", "9", "1", "1.000"), ("all", "", "3", "2.333")]


def test_a_mistake_in_a_trial_is_named(plan: Path):
    plan.write_text(PLAN.replace("train.lr: 0.01", "train.lr: -1"))
    with pytest.raises(UserError, match=r"plan, slow: train\.lr: -1"):
        plans.trials(plan)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials:", "trails:", "plan.yaml: has no `trials`"),
        ("train.lr: 0.01", "trian.lr: 0.01", r"plan.yaml: trials\.slow\.trian\.lr: there is no section of that name"),
        ("slow: {train.lr: 0.01}", "slow: 3", r"plan.yaml: trials\.slow: 3 given; allowed are keys"),
        ("target: {", "target: {{", "plan.yaml, line 3: not valid YAML"),
    ],
)
def test_a_plan_that_is_none_is_named(plan: Path, old: str, new: str, message: str):
    plan.write_text(PLAN.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        plans.trials(plan)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"), [("side: 32", "side 32 and 10 classes"), ("classes: 9", "side 28 and 9 classes")]
)
def test_images_that_are_not_the_plans_are_named(plan: Path, training_images: Path, data: str, said: str):
    plan.write_text(PLAN.replace("data: {", f"data: {{{data}, "))
    with pytest.raises(UserError) as caught:
        plans.pending(plan, training_images, {})
    assert str(caught.value) == f"data, slow: {said} given; {training_images} has images of 28 x 28 with labels to 9"


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


def test_a_variant_that_holds_out_nothing_is_refused(plan: Path):
    plan.write_text(PLAN.replace("validation: 128", "validation: 0"))
    with pytest.raises(UserError, match=r"variants\.first\.validation: 0 given; a sweep scores"):
        plans.pending(plan, Path("nowhere"), {})


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


@pytest.mark.parametrize("file", sorted((ROOT / "docs/sweeps").glob("*.csv")), ids=lambda file: file.stem)
def test_a_table_without_hashes_is_read_and_not_continued(file: Path):
    assert table.means(file).row_count
    if "recipe_hash" in table.rows(file)[0]:
        assert len(table.done(file)) == len(table.rows(file))
        return
    with pytest.raises(UserError, match=rf"{file.name}: has no column recipe_hash, .* another name"):
        table.done(file)
